import type { NearlightError } from '../base/errors.ts';
import type { Engine, Imported, Instance, Listening, Submission } from '../engine/engine.ts';
import { digest, type SessionHeader } from './format.ts';
import { RecordingWriter, type Sink } from './writer.ts';

/** Wraps a Wasm engine so that it records every module instance. @param open returns the sink for an instance's recording */
export function recordingEngine(engine: Engine, { name, open }: { name: string; open(): Promise<Sink> }): Engine {
  return {
    name: engine.name,
    async load(module, options) {
      const { seed, tickRate, seats, gpu } = options;
      const [hash, assets, sink] = await Promise.all([digest(module), digest(options.assets), open()]);
      try {
        const instance = await engine.load(module, options);
        return recordInstance(instance, { header: { name, module: hash, assets, seed, tickRate, seats, gpu }, sink });
      } catch (error) {
        await sink.close();
        throw error;
      }
    },
  };
}

/** Wraps a module instance so that its calls, inputs, replies and writes are recorded until it ends. */
export function recordInstance(instance: Instance, to: { header: SessionHeader; sink: Sink }): Instance {
  return new RecordedInstance(instance, to);
}

class RecordedInstance implements Instance {
  readonly pid: number | undefined;
  readonly pids: readonly number[];
  readonly inputs: DataView;
  readonly pads: DataView;
  readonly ended: Promise<NearlightError | undefined>;
  readonly #instance: Instance;
  readonly #writer: RecordingWriter;
  readonly #finished: Promise<void>;
  readonly #inputBytes: Uint8Array;
  readonly #padBytes: Uint8Array;
  readonly #inputWords: Uint32Array;
  readonly #padWords: Uint32Array;

  constructor(instance: Instance, { header, sink }: { header: SessionHeader; sink: Sink }) {
    this.#instance = instance;
    this.#writer = new RecordingWriter(header, sink);
    this.pid = instance.pid;
    this.pids = instance.pids;
    this.inputs = instance.inputs;
    this.pads = instance.pads;
    [this.#inputBytes, this.#inputWords] = viewsOf(instance.inputs);
    [this.#padBytes, this.#padWords] = viewsOf(instance.pads);
    this.ended = instance.ended;
    this.#finished = instance.ended.then(() => {
      this.#writer.end();
      return sink.close();
    });
  }

  get hasSound(): boolean {
    return this.#instance.hasSound;
  }

  get initial(): Submission {
    return this.#instance.initial;
  }

  reply(record: ArrayLike<number>): void {
    this.#writer.reply(record);
    this.#instance.reply(record);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#writer.write(address, bytes);
    this.#instance.write(address, bytes);
  }

  save(): Promise<Uint8Array | undefined> {
    return this.#instance.save();
  }

  restore(state: Uint8Array): Promise<Submission> {
    this.#writer.restore(state);
    return this.#instance.restore(state);
  }

  exportPlayer(seat: number): Promise<Uint8Array | undefined> {
    return this.#instance.exportPlayer(seat);
  }

  importPlayer(seat: number, state: Uint8Array): Promise<Imported> {
    this.#writeInputs();
    this.#writer.importPlayer(seat, state);
    return this.#instance.importPlayer(seat, state);
  }

  join(seat: number): Promise<Submission> {
    this.#writeInputs();
    this.#writer.join(seat);
    return this.#instance.join(seat);
  }

  leave(seat: number): Promise<Submission> {
    this.#writeInputs();
    this.#writer.leave(seat);
    return this.#instance.leave(seat);
  }

  /** A recording does not say who listened, because that changes nothing in the game. */
  tick(tick: number, listening?: Listening): Promise<Submission> {
    this.#writeInputs();
    this.#writer.tick(tick);
    return this.#instance.tick(tick, listening);
  }

  render(seat: number, width: number, height: number): Promise<Submission> {
    this.#writeInputs();
    this.#writer.render(seat, width, height);
    return this.#instance.render(seat, width, height);
  }

  async close(): Promise<void> {
    await this.#instance.close();
    await this.#finished;
  }

  #writeInputs(): void {
    this.#writer.inputs(this.#inputWords, this.#inputBytes);
    this.#writer.pads(this.#padWords, this.#padBytes);
  }
}

/** Returns views of the memory of a DataView, as bytes and as words. */
function viewsOf({ buffer, byteOffset, byteLength }: DataView): [Uint8Array, Uint32Array] {
  return [new Uint8Array(buffer, byteOffset, byteLength), new Uint32Array(buffer, byteOffset, byteLength / 4)];
}
