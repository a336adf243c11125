import type { Clock } from '../../host/base/clock.ts';
import type { NearlightError } from '../../host/base/errors.ts';
import { type Milli, milli } from '../../host/base/time.ts';
import type { Imported, Instance, Listening, Submission } from '../../host/engine/engine.ts';
import type { PlayerSound } from '../../host/room/sound.ts';
import { emptyStats, type PlayerConnection } from '../../host/stream/player.ts';
import { INPUT_STRIDE, PADS_STRIDE } from '../../renderer/contract/abi.ts';

/** A clock that the test advances. It resumes those who wait for a time, in the order of the times. */
export class ManualClock implements Clock {
  #now = milli(0);
  readonly #waiting: { time: Milli; resolve: () => void }[] = [];

  now(): Milli {
    return this.#now;
  }

  until(time: Milli): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ time, resolve }));
  }

  /** Advances the clock by `ms`, and stops on the way at each time for which a caller of until() waits. */
  async pass(ms: number): Promise<void> {
    const end = milli(this.#now + ms);
    await settle();
    for (;;) {
      this.#waiting.sort((a, b) => a.time - b.time);
      const [next] = this.#waiting;
      if (!next || next.time > end) break;
      this.#waiting.shift();
      this.#now = milli(Math.max(this.#now, next.time));
      next.resolve();
      await settle();
    }
    this.#now = end;
  }

  /** Advances the clock by `ms` without resuming anyone, as if the process had been stopped. */
  jump(ms: number): void {
    this.#now = milli(this.#now + ms);
  }
}

/** Lets all callbacks run that are ready, for example those of settled promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Takes the place of a module's instance, and records the calls of its exports. */
export class FakeInstance implements Instance {
  readonly pid = undefined;
  readonly pids = [];
  hasSound = false;
  readonly initial: Submission;
  readonly inputs: DataView;
  readonly pads: DataView;
  readonly calls: string[] = [];
  readonly ended: Promise<NearlightError | undefined>;
  /** Ends the instance as if its guest process had ended. */
  readonly end: (error: NearlightError | undefined) => void;
  /** For each tick with sound, the seats that listened. */
  readonly listened: string[] = [];
  /** The error that every call throws, if set. */
  fault: NearlightError | undefined;
  closed = false;
  /** Called in each tick with the input records that the module would read. */
  onTick: (records: DataView) => void = () => {};
  onRender: () => void = () => {};

  constructor(seats: number) {
    this.initial = empty;
    this.inputs = new DataView(new ArrayBuffer(seats * INPUT_STRIDE));
    this.pads = new DataView(new ArrayBuffer(seats * PADS_STRIDE));
    const { promise, resolve } = Promise.withResolvers<NearlightError | undefined>();
    this.ended = promise;
    this.end = resolve;
  }

  reply(): void {}
  write(): void {}
  join(seat: number): Promise<Submission> {
    return this.#call(`join ${seat}`);
  }
  leave(seat: number): Promise<Submission> {
    return this.#call(`leave ${seat}`);
  }
  async tick(tick: number, listening?: Listening): Promise<Submission> {
    this.onTick(this.inputs);
    const submission = await this.#call(`tick ${tick}`);
    if (!listening) return submission;
    this.listened.push(listening.seats.join(' '));
    return { ...submission, sound: new Float32Array(listening.seats.length * listening.frames * 2).fill(0.5) };
  }
  render(seat: number, width: number, height: number): Promise<Submission> {
    this.onRender();
    return this.#call(`render ${seat} ${width}x${height}`);
  }
  async save(): Promise<Uint8Array> {
    await this.#call('save');
    return new Uint8Array([1, 2, 3]);
  }
  restore(state: Uint8Array): Promise<Submission> {
    return this.#call(`restore ${state.join(' ')}`);
  }
  async exportPlayer(seat: number): Promise<Uint8Array | undefined> {
    await this.#call(`export ${seat}`);
    return Uint8Array.of(4, 5);
  }
  async importPlayer(seat: number, state: Uint8Array): Promise<Imported> {
    const submission = await this.#call(`import ${seat} ${state.join(' ')}`);
    return { accepted: state.length > 0, submission };
  }
  async close(): Promise<void> {
    this.closed = true;
    this.end(undefined);
  }

  async #call(name: string): Promise<Submission> {
    this.calls.push(name);
    if (this.fault) throw this.fault;
    return empty;
  }
}

export const empty: Submission = { commands: new Uint32Array(), data: new Uint8Array() };

/** Takes the place of a page's connection, and records the kinds of its notices, and the code with which it was ended. */
export function fakeConnection(): PlayerConnection & { notices: string[] } {
  const notices: string[] = [];
  return {
    notices,
    codec: 'h264',
    sendFrame: () => true,
    sendAudio: () => true,
    ready: true,
    limitBitrate() {},
    notify: ({ kind }) => {
      notices.push(kind);
    },
    end: async (code) => {
      notices.push(code);
    },
    stats: emptyStats(),
  };
}

/** Takes the place of a player's sound, and counts frames. */
export class FakeSound implements PlayerSound {
  readonly stats = {};
  played = 0;
  skipped = 0;
  closed = false;
  play(samples: Float32Array): void {
    this.played += samples.length / 2;
  }
  skip(frames: number): void {
    this.skipped += frames;
  }
  async close(): Promise<void> {
    this.closed = true;
  }
}
