import { SURFACE } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import { Lost, Waiting } from './compiler.ts';
import { decode, type Handler } from './decode.ts';
import { DeviceErrors } from './errors.ts';
import { idleHandler } from './idle.ts';
import type { ReplayObserver } from './notices.ts';
import { RoomOwner } from './owner.ts';
import { createParts, type ReplayOptions, type ReplayParts } from './parts.ts';
import { type Call, RefusedError } from './place.ts';
import { Fault } from './reader.ts';
import type { ErrorScopes } from './scope.ts';
import { countObjects, type Handles, type Tables } from './table.ts';
import { LOOK_COMMANDS, Turn } from './turn.ts';
import { Overrun } from './vetting.ts';
import { DeviceWatch } from './watch.ts';

export type { ReplayObserver } from './notices.ts';
export type { ReplayLimits, ReplayOptions } from './parts.ts';

/** The commands and data that one call of a module submitted (ABI.md, "Command stream"). */
export interface CommandStream extends Call {
  readonly commands: Uint32Array;
  readonly data: Uint8Array;
}

/** The texture that a render draws one player's picture into. The host owns it. */
export interface Surface {
  texture: GPUTexture;
  view: GPUTextureView;
}

export interface ReplayStats {
  /** Number of GPU objects, of all kinds, that the room's module has. */
  objects: number;
  /** Bytes of GPU memory that the room's objects take. */
  bytes: number;
  /** Bytes of the host's memory that the objects count as, in addition to their contents. */
  objectBytes: number;
  /** Number of commands of the module executed so far. */
  commands: number;
}

const SURFACE_KIND = { format: 'rgba8unorm', sampleCount: 1 } as const;
/** The commands of one in this many renders are checked an extra time, without execution, to measure what checks cost. */
const CHECKED_RENDERS = 61;
/** Renders of more words are not checked an extra time for measuring, because other rooms would have to wait. */
const CHECKED_WORDS_MAX = 2 ** 18;
/** The GPU device is given up when it works on what one call submitted for this many times GPU_MS_MAX. */
const HUNG_FACTOR = 4;

/**
 * Checks and executes the command streams of one module, and owns the module's GPU objects. Other modules may use the same
 * device. Executes nothing after an error; the owner then calls destroy().
 */
export class CommandReplay {
  readonly #parts: ReplayParts;
  /** Checks commands without executing them. */
  readonly #idle: Handler;
  readonly #device: GPUDevice;
  readonly #turn: Turn;
  readonly #owner: RoomOwner;
  readonly #watch: DeviceWatch;
  readonly #errors: DeviceErrors;
  readonly #hungMs: number;
  readonly #surfaceTexture = { bytes: 0, ...SURFACE_KIND } as Handles['texture'];
  readonly #surfaceView = { ...SURFACE_KIND } as Handles['textureView'];
  #failed: NearlightError | undefined;
  #destroyed = false;
  #commands = 0;
  #renders = 0;

  constructor(options: ReplayOptions) {
    const { device, limits } = options;
    this.#parts = createParts(options);
    const { refusals, notices, handler } = this.#parts;
    this.#idle = idleHandler(handler.tables, handler.records);
    this.#device = device;
    this.#turn = new Turn(device, limits.replayMsMax);
    this.#hungMs = HUNG_FACTOR * limits.gpuMsMax;
    this.#owner = new RoomOwner({
      gpuMsMax: limits.gpuMsMax,
      refusals,
      notices,
      log: (level, message) => options.log(level, message),
    });
    this.#watch = DeviceWatch.of(device);
    this.#errors = DeviceErrors.of(device);
    this.#errors.add(this.#owner);
  }

  get tables(): Tables {
    return this.#parts.tables;
  }

  get scopes(): ErrorScopes {
    return this.#parts.scopes;
  }

  /** Sets the observer of the commands' measurements and late errors, in place of the previous one. */
  observe(observer: Partial<ReplayObserver>): void {
    this.#parts.notices.observe(observer);
  }

  /**
   * Executes the commands that one call of the module submitted, and returns afterwards. @param surface the texture for the
   * player's picture, if the call is a render
   * @throws NearlightError NL_COMMAND for what the contract forbids, NL_GPU_VALIDATION for what WebGPU refuses. Both name the
   * command. Every later call throws the same error
   */
  run(stream: CommandStream, surface?: Surface): void {
    this.#begin(stream, surface, { patient: false });
    this.#proceed(surface);
  }

  /**
   * Executes commands as run() does, but lets this thread do other things meanwhile. Returns a promise if it has to wait: for
   * pipelines to compile, for the GPU to finish earlier work of the module, or for other rooms' turns. Until the promise
   * settles, the caller must not change the stream or execute another one.
   */
  start(stream: CommandStream, surface?: Surface): Promise<void> | undefined {
    const busy = this.#watch.busy(this.#owner);
    return busy ? this.#startAfter(busy, stream, surface) : this.#start(stream, surface);
  }

  /**
   * Executes the commands of a picture that no one will see, as start() does, because later commands may need the objects that they
   * make. @param like the texture that the picture was meant for, which may be destroyed
   */
  async startUnseen(stream: CommandStream, { width, height, format, usage }: GPUTexture): Promise<void> {
    const texture = this.#device.createTexture({ size: { width, height }, format, usage });
    try {
      await this.start(stream, { texture, view: texture.createView() });
    } finally {
      texture.destroy();
    }
  }

  async #startAfter(busy: Promise<void>, stream: CommandStream, surface: Surface | undefined): Promise<void> {
    await busy;
    this.#checkExists();
    await this.#start(stream, surface);
  }

  #start(stream: CommandStream, surface: Surface | undefined): Promise<void> | undefined {
    this.#begin(stream, surface, { patient: true });
    const wait = this.#proceed(surface);
    return wait && this.#finish(wait, surface);
  }

  async #finish(first: Promise<void>, surface: Surface | undefined): Promise<void> {
    for (let wait: Promise<void> | undefined = first; wait; wait = this.#proceed(surface)) {
      try {
        await this.#parts.compiler.wait(wait);
      } catch (error) {
        this.#fail(error, surface);
      }
      this.#checkExists();
    }
  }

  /** @throws NearlightError if the room has ended while one of its calls waited */
  #checkExists(): void {
    if (this.#destroyed) throw this.#failed ?? new NearlightError('NL_ROOM_ENDED', 'its GPU objects were destroyed');
  }

  #begin(stream: CommandStream, surface: Surface | undefined, { patient }: { patient: boolean }): void {
    if (this.#destroyed) throw new Error('bug: the replay is destroyed');
    if (this.#failed) throw this.#failed;
    const { reader, places, compiler, queue, work, staticPasses, timer, player, bus } = this.#parts;
    reader.open(stream.commands, stream.data);
    places.begin(stream);
    compiler.begin({ patient });
    queue.begin();
    work.begin();
    staticPasses.begin();
    player.begin();
    bus.begin();
    this.#turn.begin();
    if (!surface) return;
    this.#show(surface);
    timer?.begin();
    if (++this.#renders % CHECKED_RENDERS === 0) this.#measureCheck();
  }

  /** Executes commands until the stream ends or has to wait. Returns the promise to wait for, if any. */
  #proceed(surface: Surface | undefined): Promise<void> | undefined {
    const { reader, handler, compiler, scopes, pinpoint } = this.#parts;
    let wait: Promise<void> | undefined;
    this.#errors.enter(this.#owner);
    this.#turn.resume();
    scopes.resume();
    try {
      wait = decode(reader, handler, this.#look, pinpoint ? 1 : LOOK_COMMANDS) ?? compiler.pending;
      if (!wait) this.#complete(surface);
    } catch (error) {
      if (!(error instanceof Waiting)) this.#fail(error, surface);
      wait = error.until;
    } finally {
      this.#errors.leave();
      pinpoint?.end();
    }
    if (wait) {
      this.#watchWork();
      scopes.suspend();
    } else this.#over(surface);
    return wait;
  }

  /** Runs between two commands. Throws if the GPU has refused one. Returns a promise to wait for if the room's turn is over. */
  readonly #look = (): Promise<void> | undefined => {
    const { refusals, compiler, pinpoint } = this.#parts;
    refusals.check();
    pinpoint?.begin();
    return compiler.patient ? this.#turn.look() : undefined;
  };

  /** Ends a call whose commands are all executed. Checks that no pass, error scope or unsubmitted command is left. */
  #complete(surface: Surface | undefined): void {
    const { refusals, encoder, scopes, timer } = this.#parts;
    refusals.check();
    if (encoder.open) throw new Fault('commands were recorded that no submit follows');
    if (scopes.open) throw new Fault('an error scope is open; it must end in the call that began it');
    if (surface) timer?.end();
    this.#watchWork();
  }

  /** Watches the work that the current call has submitted. A call that waits may wait for this very work. */
  #watchWork(): void {
    if (this.#parts.queue.takeSubmitted()) this.#watch.submitted(this.#owner, this.#hungMs);
  }

  /** Ends a call, whether it succeeded or failed: counts its commands and takes the player's picture away from the module. */
  #over(surface: Surface | undefined): void {
    this.#commands += this.#parts.reader.index;
    if (surface && !this.#destroyed) this.#hide();
  }

  stats(): ReplayStats {
    const { tables, budget, memory } = this.#parts;
    const objects = countObjects(tables);
    return { objects, bytes: budget.used, objectBytes: memory.used, commands: this.#commands };
  }

  /** Destroys every GPU object of the room; idempotent. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    const { notices, replies, compiler, encoder, timer, tables, objects } = this.#parts;
    notices.close();
    replies.close();
    compiler.close();
    encoder.drop();
    timer?.destroy();
    // During a render, the texture of the player's picture is in the room's tables, but the host owns it.
    if (tables.texture.find(SURFACE)) this.#hide();
    objects.clear();
    this.#errors.remove(this.#owner);
  }

  /** Adds the texture of the player's picture to the objects that the module's commands can use. */
  #show({ texture, view }: Surface): void {
    const { tables } = this.#parts;
    this.#surfaceTexture.gpu = texture;
    this.#surfaceView.gpu = view;
    tables.texture.put(SURFACE, this.#surfaceTexture);
    tables.textureView.put(SURFACE, this.#surfaceView);
  }

  #hide(): void {
    const { tables } = this.#parts;
    tables.texture.remove(SURFACE);
    tables.textureView.remove(SURFACE);
  }

  #fail(error: unknown, surface: Surface | undefined): never {
    const { refusals, encoder, scopes, timer } = this.#parts;
    // A command often fails only because the GPU refused an earlier one, so the earlier error is thrown.
    this.#failed = refusals.first ?? this.#errorFor(error);
    this.#over(surface);
    encoder.drop();
    scopes.drop();
    timer?.drop();
    throw this.#failed;
  }

  /** Converts an error of the current command into a coded error that names the command. */
  #errorFor(error: unknown): NearlightError {
    if (error instanceof NearlightError) return error;
    const place = this.#parts.places.current;
    if (error instanceof Overrun) return new RefusedError('NL_SHADER', place, error.message);
    if (error instanceof Lost) return new RefusedError('NL_GPU_LOST', place, error.message);
    if (error instanceof Fault) return new RefusedError('NL_COMMAND', place, error.message);
    return new RefusedError('NL_GPU_VALIDATION', place, String(error), { cause: error });
  }

  /** Measures how long the checks of a stream take. No result if it uses objects that it creates, as nothing is executed. */
  #measureCheck(): void {
    const { reader, notices } = this.#parts;
    if (reader.length > CHECKED_WORDS_MAX) return;
    const begunAt = performance.now();
    try {
      decode(reader, this.#idle, () => undefined, LOOK_COMMANDS);
      notices.check(performance.now() - begunAt);
    } catch {}
    reader.rewind();
  }
}
