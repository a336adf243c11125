import { REPLY_COUNT, REPLY_WORDS, SURFACE } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import { Work } from './budget.ts';
import { Lost, Waiting } from './compiler.ts';
import { decode, type Handler } from './decode.ts';
import { Encoder } from './encoder.ts';
import { DeviceErrors, type ErrorOwner } from './errors.ts';
import { type ObjectLimits, Objects } from './objects.ts';
import { Pass } from './pass.ts';
import { Pinpoint } from './pinpoint.ts';
import { describeCommand, type Origin, type Place, RefusedError } from './place.ts';
import { Queue } from './queue.ts';
import { Fault, Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';
import { GpuTimer } from './timer.ts';
import { LOOK_COMMANDS, Turn } from './turn.ts';
import { DeviceWatch, type WorkOwner } from './watch.ts';

export interface ReplayLimits extends ObjectLimits {
  gpuMsMax: number;
  replayMsMax: number;
  mapBytesMax: number;
  dataBytesMax: number;
}

export interface ReplayOptions {
  device: GPUDevice;
  limits: ReplayLimits;
  /** The bytes of an asset by its handle. */
  asset(handle: number): Uint8Array | undefined;
  log(level: 'error' | 'warn', message: string): void;
  /** Takes one record for the module's reply ring; the array is used again after the call. */
  reply(record: ArrayLike<number>): void;
  /** Takes bytes for the module's linear memory, to be there before its next call; they are the GPU's after the call. */
  write(address: number, bytes: Uint8Array): void;
}

/** Who is told what becomes of a module's commands after their call; times in milliseconds. */
export interface ReplayObserver {
  /** How long checking the commands of one render took, now and then. */
  onCheck(ms: number): void;
  /** The GPU time of one render, now and then, and the renders that it stands for; never where the device has no timestamps. */
  onGpu(ms: number, renders: number): void;
  /** An error that shows only after the call that caused it. */
  onError(error: NearlightError): void;
  /** The module has taken the device with it: by work or a compilation without end. It may have ended before. */
  onHung(): void;
}

/** What one call of a module submitted (ABI.md, "Command stream"). */
export interface Commands {
  readonly commands: Uint32Array;
  readonly data: Uint8Array;
  /** The export that was called, for messages. */
  readonly call?: string;
  /** Where in the module a command was written, if that is known. */
  readonly origin?: Origin | undefined;
}

export interface Surface {
  texture: GPUTexture;
  view: GPUTextureView;
}

export interface ReplayStats {
  /** Objects of the room, of all kinds. */
  objects: number;
  /** GPU memory of its buffers and textures. */
  bytes: number;
  /** Commands executed so far. */
  commands: number;
}

const SURFACE_KIND = { format: 'rgba8unorm', sampleCount: 1 } as const;
/** One render in so many is checked a second time, to know how long that takes. */
const CHECKED_RENDERS = 61;
/** Unless it has more words: others would wait. */
const CHECKED_WORDS_MAX = 2 ** 18;
/** Once, a call's work may take too long: that may be another's fault. Not once more within so long. */
const LATE_AGAIN_MS = 10_000;
/** Of the time that the GPU may work for a call, after which it is given up. */
const HUNG_FACTOR = 4;

/**
 * Checks and executes the command streams of one module on a device that others may share, and owns its GPU objects.
 * After an error nothing more is executed: the owner destroys it.
 */
export class Replay implements Handler {
  readonly tables: Tables;
  readonly objects: Objects;
  readonly queue: Queue;
  readonly encoder: Encoder;
  readonly pass: Pass;
  readonly #options: ReplayOptions;
  readonly #reader = new Reader();
  readonly #errors: DeviceErrors;
  readonly #owner: ErrorOwner & WorkOwner;
  readonly #watch: DeviceWatch;
  readonly #work: Work;
  readonly #turn: Turn;
  readonly #timer: GpuTimer | undefined;
  readonly #record = new Uint32Array(REPLY_WORDS);
  readonly #surfaceTexture = { bytes: 0, ...SURFACE_KIND } as Handles['texture'];
  readonly #surfaceView = { ...SURFACE_KIND } as Handles['textureView'];
  #refused: NearlightError | undefined;
  #failed: NearlightError | undefined;
  #destroyed = false;
  #commands = 0;
  #call = '';
  #origin: Origin | undefined;
  #pinpoint: Pinpoint | undefined;
  #renders = 0;
  #lateAt = Number.NEGATIVE_INFINITY;
  /** Set by the room. */
  observer: Partial<ReplayObserver> = {};

  constructor(options: ReplayOptions) {
    const { device, limits } = options;
    this.#options = options;
    const reader = this.#reader;
    const reply = (type: number, ...values: number[]) => this.#reply(type, values);
    const log = (level: 'error' | 'warn', message: string) => options.log(level, message);
    const refuser = () => this.#refuser();
    const ended = () => this.encoder.forget();
    const onOverdue = (fault: Fault) => this.#tell(new NearlightError('NL_COMMAND', fault.message));
    const onHung = () => this.observer.onHung?.();
    this.objects = new Objects({ device, limits, reader, log, reply, refuser, ended, onOverdue, onHung });
    this.tables = this.objects.tables;
    this.#work = new Work(limits);
    this.#turn = new Turn(device, limits.replayMsMax);
    reader.look = () => this.#look();
    this.pass = new Pass({ reader, tables: this.tables, work: this.#work, limits: device.limits });
    this.objects.pass = this.pass;
    if (device.features.has('timestamp-query'))
      this.#timer = new GpuTimer(device, (ms, renders) => this.observer.onGpu?.(ms, renders));
    this.encoder = new Encoder({ device, reader, handler: this, timer: this.#timer });
    this.queue = new Queue({
      device,
      reader,
      encoder: this.encoder,
      uploadBytesMax: limits.gpuBytesMax,
      waitsMax: REPLY_COUNT,
      // They come back through the memory that bulk data leaves by, each with a head of two words.
      mapBytesMax: Math.min(limits.mapBytesMax, limits.dataBytesMax / 4),
      asset: options.asset,
      settle: () => this.#settle(),
      reply,
      write: (address, bytes) => this.#destroyed || options.write(address, bytes),
    });
    this.#owner = {
      onRefused: (message) => this.#refuser()(message),
      onLateError: (message, certain) => this.#late(message, certain),
      onWork: (ms) => this.#took(ms),
      onHung: () => {
        this.observer.onHung?.();
        this.#tell(new NearlightError('NL_GPU_TIME', 'its work did not end; the device is given up (GPU_MS_MAX)'));
      },
    };
    this.#watch = DeviceWatch.of(device);
    this.#errors = DeviceErrors.of(device);
    this.#errors.owners.add(this.#owner);
  }

  /** Attributes every error to its command from now on, though the GPU reports it later. For development: it costs time. */
  pinpoint(): void {
    this.#pinpoint = new Pinpoint(this.#options.device, (error) => {
      // An error of `init` may come before a room observes the replay. The next call then ends with it.
      if (this.observer.onError) this.#tell(error);
      else this.#refused ??= error;
    });
  }

  /**
   * Executes what one call submitted; `surface` is the player's picture, during a render.
   * @throws NearlightError NL_COMMAND for what the contract refuses, NL_GPU_VALIDATION for what WebGPU refuses, each
   * with the index and name of the command; the same error again from every later call
   */
  run(submission: Commands, surface?: Surface): void {
    this.objects.compiler.patient = false;
    this.#begin(submission, surface);
    this.#proceed(surface);
  }

  /**
   * As run, but beside what else this thread does: where pipelines are to compile, the GPU is behind with what the module
   * has submitted before, or the commands take long, the result is a promise that settles when all is done. Until then the
   * submission stays as it is, and nothing else is executed.
   */
  start(submission: Commands, surface?: Surface): Promise<void> | undefined {
    const busy = this.#watch.busy(this.#owner);
    return busy ? busy.then(() => this.#start(submission, surface)) : this.#start(submission, surface);
  }

  #start(submission: Commands, surface: Surface | undefined): Promise<void> | undefined {
    this.objects.compiler.patient = true;
    this.#begin(submission, surface);
    const compilation = this.#proceed(surface);
    return compilation && this.#finish(compilation, surface);
  }

  async #finish(first: Promise<void>, surface: Surface | undefined): Promise<void> {
    for (let next: Promise<void> | undefined = first; next; next = this.#proceed(surface)) {
      try {
        await this.objects.compiler.wait(next);
      } catch (error) {
        this.#fail(error, surface);
      }
      if (this.#destroyed) throw this.#failed ?? new NearlightError('NL_ROOM_ENDED', 'its GPU objects are gone');
    }
  }

  #begin({ commands, data, call, origin }: Commands, surface: Surface | undefined): void {
    if (this.#destroyed) throw new Error('the replay is destroyed');
    if (this.#failed) throw this.#failed;
    this.#reader.open(commands, data);
    this.#call = call ?? '';
    this.#origin = origin;
    this.queue.begin();
    this.#work.begin();
    this.encoder.begin();
    this.#turn.begin();
    if (!surface) return;
    this.#show(surface);
    this.#timer?.begin();
    if (++this.#renders % CHECKED_RENDERS === 0) this.#check();
  }

  /** Goes on to the end, or to where a command needs what compiles; gives what is to be waited for. */
  #proceed(surface: Surface | undefined): Promise<void> | undefined {
    let compilation: Promise<void> | undefined;
    this.#errors.running = this.#owner;
    this.#turn.resume();
    this.#reader.countdown = this.#pinpoint ? 1 : LOOK_COMMANDS;
    this.objects.scopes.resume();
    try {
      decode(this.#reader, this);
      compilation = this.objects.compiler.pending;
      if (!compilation) this.#complete(surface);
    } catch (error) {
      if (!(error instanceof Waiting)) this.#fail(error, surface);
      compilation = error.compilation;
    } finally {
      this.#errors.running = undefined;
      this.#pinpoint?.end();
    }
    if (compilation) this.objects.scopes.suspend();
    else this.#over(surface);
    return compilation;
  }

  #complete(surface: Surface | undefined): void {
    this.#settle();
    if (this.encoder.open || this.pass.open) throw new Fault('commands were recorded that no submit follows');
    if (this.objects.scopes.open) throw new Fault('an error scope is open: it ends in the call that began it');
    if (surface) this.#timer?.end();
    if (this.queue.submitted) this.#watch.submitted(this.#owner, HUNG_FACTOR * this.#options.limits.gpuMsMax);
  }

  #over(surface: Surface | undefined): void {
    this.#commands += this.#reader.index;
    if (surface && !this.#destroyed) this.#hide();
  }

  stats(): ReplayStats {
    return {
      objects: this.objects.count,
      bytes: this.objects.budget.used,
      commands: this.#commands,
    };
  }

  /** Destroys every GPU object of the room; idempotent. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.encoder.drop();
    this.#timer?.destroy();
    // In the middle of a render the player's picture is among the objects, and it is the host's.
    if (this.tables.texture.find(SURFACE)) this.#hide();
    this.objects.clear();
    this.#errors.owners.delete(this.#owner);
  }

  #show({ texture, view }: Surface): void {
    this.#surfaceTexture.gpu = texture;
    this.#surfaceView.gpu = view;
    this.tables.texture.put(SURFACE, this.#surfaceTexture);
    this.tables.textureView.put(SURFACE, this.#surfaceView);
  }

  #hide(): void {
    this.tables.texture.remove(SURFACE);
    this.tables.textureView.remove(SURFACE);
  }

  /** Now and then between two commands: whether they are refused, and whether it is others' turn. */
  #look(): void {
    this.#settle();
    this.#reader.countdown = this.#pinpoint ? 1 : LOOK_COMMANDS;
    this.#pin();
    if (this.objects.compiler.patient) this.#turn.look();
  }

  #pin(): void {
    const reader = this.#reader;
    // The reader has not taken the command's opcode yet.
    reader.opcode = reader.words[reader.at]! & 0xffff;
    // The module's own scopes come first.
    if (this.objects.scopes.open) this.#pinpoint?.end();
    else this.#pinpoint?.begin(reader.opcode, () => this.#place());
  }

  #settle(): void {
    if (this.#refused) throw this.#refused;
  }

  #fail(error: unknown, surface: Surface | undefined): never {
    // What the GPU refused first is often why a later command is bad.
    this.#failed = this.#refused ?? this.#refusal(error);
    this.#over(surface);
    this.encoder.drop();
    this.objects.scopes.drop();
    this.#timer?.drop();
    throw this.#failed;
  }

  /** The error that ends the module, at the command that is being executed. */
  #refusal(error: unknown): NearlightError {
    const place = this.#place();
    if (error instanceof Lost) return new RefusedError('NL_GPU_LOST', place, error.message);
    if (error instanceof Fault) return new RefusedError('NL_COMMAND', place, error.message);
    return new RefusedError('NL_GPU_VALIDATION', place, String(error), { cause: error });
  }

  /** Takes what the GPU has against the command that is being executed; the first counts. */
  #refuser(): (error: unknown) => void {
    const place = this.#place();
    return (error) => {
      const message = error instanceof Error ? error.message : String(error);
      this.#refused ??= new RefusedError('NL_GPU_VALIDATION', place, message);
    };
  }

  #place(): Place {
    const { index } = this.#reader;
    const origin = this.#origin;
    const command = describeCommand(this.#reader, this.tables, this.pass.label);
    return {
      text: this.#call === '' ? command : `${command} in ${this.#call}`,
      frames: () => origin?.(index) ?? [],
    };
  }

  #late(message: string, certain: boolean): void {
    if (!certain || !this.observer.onError) this.#options.log('error', `GPU: ${message}`);
    else this.#tell(new NearlightError('NL_GPU_VALIDATION', message));
  }

  #took(ms: number): void {
    const { gpuMsMax } = this.#options.limits;
    if (ms <= gpuMsMax) return;
    const now = performance.now();
    if (now - this.#lateAt < LATE_AGAIN_MS)
      this.#tell(new NearlightError('NL_GPU_TIME', `${Math.round(ms)} of ${gpuMsMax} ms for one call (GPU_MS_MAX)`));
    this.#lateAt = now;
  }

  #tell(error: NearlightError): void {
    if (!this.#destroyed) this.observer.onError?.(error);
  }

  /** Goes through the commands without doing them. Those that use what they make themselves cannot be timed so. */
  #check(): void {
    if (this.#reader.length > CHECKED_WORDS_MAX) return;
    const begun = performance.now();
    this.#reader.countdown = Number.POSITIVE_INFINITY;
    try {
      decode(this.#reader, { tables: this.tables, ...NOTHING });
      this.observer.onCheck?.(performance.now() - begun);
    } catch {}
    this.#reader.rewind();
  }

  #reply(type: number, values: readonly number[]): void {
    if (this.#destroyed) return;
    this.#record.fill(0);
    this.#record[0] = type;
    this.#record.set(values, 1);
    this.#options.reply(this.#record);
  }
}

/** An object with the methods of a class, which do nothing. */
function idle<T>(type: { prototype: T }): T {
  const methods = Object.getOwnPropertyNames(type.prototype).map((name) => [name, () => {}]);
  return Object.fromEntries(methods) as T;
}

/** Does nothing with what is decoded. */
const NOTHING = { objects: idle(Objects), queue: idle(Queue), encoder: idle(Encoder), pass: idle(Pass) };
