import { REPLY_COUNT, REPLY_WORDS, REPLY_WORK_DONE, SURFACE } from '../../renderer/abi.ts';
import { type ErrorCode, NearlightError } from '../errors.ts';
import { commandNames, decode, type Handler } from './decode.ts';
import { Encoder } from './encoder.ts';
import { DeviceErrors, type ErrorOwner } from './errors.ts';
import { type ObjectLimits, Objects } from './objects.ts';
import { Pass } from './pass.ts';
import { Queue } from './queue.ts';
import { Fault, Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';
import { GpuTimer } from './timer.ts';

export interface ReplayOptions {
  device: GPUDevice;
  limits: ObjectLimits;
  /** The bytes of an asset by its handle. */
  asset(handle: number): Uint8Array | undefined;
  log(level: 'error' | 'warn', message: string): void;
  /** Takes one record for the module's reply ring; the array is used again after the call. */
  reply(record: ArrayLike<number>): void;
  /** Takes the GPU time of renders, now and then (GpuTimer); never called where the device has no timestamps. */
  onTime?(ms: number): void;
  /** An error that the GPU reports after the call that caused it, as a browser does; Dawn reports within. */
  onError?(error: NearlightError): void;
}

/** What one call of a module submitted (ABI.md, "Command stream"). */
export interface Commands {
  readonly commands: Uint32Array;
  readonly data: Uint8Array;
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

const LABEL_CHARS_MAX = 64;

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
  readonly #owner: ErrorOwner;
  readonly #timer: GpuTimer | undefined;
  readonly #record = new Uint32Array(REPLY_WORDS);
  readonly #surfaceTexture = { bytes: 0 } as Handles['texture'];
  readonly #surfaceView = {} as Handles['textureView'];
  #refused: NearlightError | undefined;
  #failed: NearlightError | undefined;
  #destroyed = false;
  #commands = 0;

  constructor(options: ReplayOptions) {
    const { device, limits } = options;
    this.#options = options;
    this.objects = new Objects(device, limits);
    this.tables = this.objects.tables;
    this.pass = new Pass(this.#reader, device.limits);
    const { onTime } = options;
    if (onTime && device.features.has('timestamp-query')) this.#timer = new GpuTimer(device, onTime);
    this.encoder = new Encoder(device, this.#reader, this.tables, this.pass, this.#timer);
    this.queue = new Queue({
      device,
      reader: this.#reader,
      encoder: this.encoder,
      uploadBytesMax: limits.gpuBytesMax,
      waitsMax: REPLY_COUNT,
      asset: options.asset,
      settle: () => this.#settle(),
      onWorkDone: (token) => this.#reply(REPLY_WORK_DONE, token),
    });
    this.#owner = {
      onRefused: (message) => {
        this.#refused ??= this.#error('NL_GPU_VALIDATION', message);
      },
      onLateError: (message, certain) => this.#late(message, certain),
    };
    this.#errors = DeviceErrors.of(device);
    this.#errors.owners.add(this.#owner);
  }

  /**
   * Executes what one call submitted; `surface` is the player's picture, during a render.
   * @throws NearlightError NL_COMMAND for what the contract refuses, NL_GPU_VALIDATION for what WebGPU refuses, each
   * with the index and name of the command; the same error again from every later call
   */
  run({ commands, data }: Commands, surface?: Surface): void {
    if (this.#destroyed) throw new Error('the replay is destroyed');
    if (this.#failed) throw this.#failed;
    this.#reader.open(commands, data);
    this.queue.begin();
    if (surface) {
      this.#show(surface);
      this.#timer?.begin();
    }
    this.#errors.running = this.#owner;
    try {
      decode(this.#reader, this);
      this.#settle();
      if (this.encoder.open) throw new Fault('commands were recorded that no submit follows');
      if (surface) this.#timer?.end();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#errors.running = undefined;
      this.#commands += this.#reader.index;
      if (surface) this.#hide();
    }
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

  #settle(): void {
    if (this.#refused) throw this.#refused;
  }

  #fail(error: unknown): never {
    this.encoder.drop();
    this.#timer?.drop();
    // What the GPU refused first is often why a later command is bad.
    if (this.#refused) this.#failed = this.#refused;
    else if (error instanceof Fault) this.#failed = this.#error('NL_COMMAND', error.message);
    else
      this.#failed = this.#error('NL_GPU_VALIDATION', String(error), {
        cause: error,
      });
    throw this.#failed;
  }

  /** An error at the command that is being executed. */
  #error(code: ErrorCode, detail: string, options?: ErrorOptions): NearlightError {
    const { index, opcode, label, ended } = this.#reader;
    if (ended) return new NearlightError(code, `end of the stream after ${index} commands: ${detail}`, options);
    const quoted = label === '' ? '' : ` ${JSON.stringify(label.slice(0, LABEL_CHARS_MAX))}`;
    const name = commandNames.get(opcode) ?? `opcode ${opcode}`;
    return new NearlightError(code, `command ${index} (${name}${quoted}): ${detail}`, options);
  }

  #late(message: string, certain: boolean): void {
    if (!certain || !this.#options.onError) this.#options.log('error', `GPU: ${message}`);
    else this.#options.onError(new NearlightError('NL_GPU_VALIDATION', message));
  }

  #reply(type: number, value: number): void {
    if (this.#destroyed) return;
    this.#record[0] = type;
    this.#record[1] = value;
    this.#options.reply(this.#record);
  }
}
