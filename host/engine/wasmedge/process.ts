import { type Layer, maskOf } from '../../base/layers.ts';
import type { Addon, Channel } from './addon.ts';
import { Deadline, ranMsOf } from './deadline.ts';
import { type JailedProgram, type JailUser, type StartJailed, startJailed } from './jail.ts';
import {
  COMMANDS,
  GUEST_PID,
  mappingBytes,
  REQUEST_CALL,
  REQUEST_SEQUENCE,
  RESPONSE_LAYERS,
  RESPONSE_SEQUENCE,
} from './mapping.ts';

/** How long the guest program may take to start. It loads some 200 MB of libraries, possibly from a cold disk. */
const START_MS_MAX = 30_000;
/** Extra time to receive a response that is already complete in shared memory when the time for the call has run out. */
const GRACE_MS = 1000;
const NO_FDS: readonly number[] = [];

/** How a guest process ended. */
export interface Exit {
  status: number | null;
  signal: NodeJS.Signals | null;
  /** Whether the host killed the process because a call took too long. */
  timedOut: boolean;
  /** Why the process could not be started. */
  error?: Error;
}

export interface ProcessEvents {
  /** The guest's response to a request is complete. It stays in the shared memory until the next request. */
  responded(): void;
  /** The guest process sent something without a request, or before its response was complete. */
  misbehaved(): void;
  /** The guest process has ended. The shared memory can be read until this function returns. */
  exited(exit: Exit): void;
}

export interface ProcessOptions {
  commandBytesMax: number;
  dataBytesMax: number;
  /** Layers of confinement without which the guest program refuses to run. */
  required: readonly Layer[];
  /** Whether WasmEdge's interpreter runs the module. */
  interpreter: boolean;
  /** The user under which the guest program runs, if this process is root; by default one that no other process has. */
  user?: JailUser | undefined;
  /** Starts the guest program; by default as a child of this process. */
  start?: StartJailed | undefined;
  /**
   * The clock, in milliseconds, for the time limits on calls of a module. By default they count the time for which the guest program
   * runs, as Deadline does.
   */
  now?: (() => number) | undefined;
}

/** A guest process, which runs one module, and the memory that it shares with the host. It can start before it has a module. */
export class GuestProcess {
  /** Resolves when the guest process has ended and the shared memory is unmapped. */
  readonly gone: Promise<void>;
  /** Resolves when the guest program is ready for its first request, or has ended. */
  readonly ready: Promise<void>;
  readonly memory: ArrayBuffer;
  readonly #jailed: JailedProgram;
  readonly #required: readonly Layer[];
  #pid: number | undefined;
  #layers = 0;
  events: ProcessEvents = { responded() {}, misbehaved() {}, exited() {} };
  /** The fields of the shared memory, from its start to COMMANDS. */
  readonly #fields: DataView;
  readonly #channel: Channel;
  #sequence = 0;
  /** True from a request, or from the start of the guest program, until the response. */
  #pending = true;
  /** Resolves the promise `ready`; undefined once it has resolved. */
  #started: (() => void) | undefined;
  #timedOut = false;
  /** Whether the current request has already got its extra time, GRACE_MS. */
  #graceUsed = false;
  #exit: Exit | undefined;
  /** The time for the current request. */
  readonly #deadline: Deadline;
  #timer: NodeJS.Timeout | undefined;

  /** @param command the command that starts the guest program */
  constructor(addon: Addon, command: readonly string[], options: ProcessOptions) {
    const { now, required, interpreter, user, start = startJailed, ...limits } = options;
    this.#deadline = new Deadline({
      now: now ?? (() => performance.now()),
      ran: () => (now ? undefined : ranMsOf(this.#pid)),
    });
    this.#required = required;
    this.#channel = new addon.Channel(mappingBytes(limits), (closed) => this.#woken(closed));
    this.memory = this.#channel.memory;
    this.#fields = new DataView(this.memory, 0, COMMANDS);
    const gone = Promise.withResolvers<void>();
    this.gone = gone.promise;
    const responded = new Promise<void>((resolve) => {
      this.#started = resolve;
    });
    this.#jailed = start({
      kind: 'guest',
      program: command,
      args: [interpreter ? 'interpret' : 'run', `${maskOf(required)}`],
      fds: this.#channel.childFds,
      user,
      ended: (status, signal, error) => {
        this.#exit = { status, signal, timedOut: this.#timedOut, ...(error ? { error } : {}) };
        clearTimeout(this.#timer);
        this.#readStart();
        this.events.exited(this.#exit);
        this.#channel.close();
        this.#started?.();
        gone.resolve();
      },
    });
    this.#channel.releaseChild();
    this.#watch(START_MS_MAX);
    this.ready = Promise.all([responded, this.#jailed.started]).then(() => {});
  }

  /** How the guest process ended; undefined while it runs. */
  get ended(): Exit | undefined {
    return this.#exit;
  }

  /** Id of the guest process; undefined until `ready` has resolved. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Id of the jailer's process, which waits for the guest process to end; undefined if it could not be started. */
  get jailerPid(): number | undefined {
    return this.#jailed.pid;
  }

  /** The layers of confinement that hold for the guest process, as a bit mask; 0 until `ready` has resolved. */
  get layers(): number {
    return this.#layers;
  }

  /** The layers of confinement without which the guest program refuses to run. */
  get required(): readonly Layer[] {
    return this.#required;
  }

  /** Reads a field of the shared memory. @param offset one of the offsets in mapping.ts */
  get(offset: number): number {
    return this.#fields.getUint32(offset, true);
  }

  /** Writes a field of the shared memory. @param offset one of the offsets in mapping.ts */
  set(offset: number, value: number): void {
    this.#fields.setUint32(offset, value, true);
  }

  /**
   * Requests a call whose arguments are already in the shared memory. Kills the guest process if it does not respond in time.
   * @param fds file descriptors that the guest receives with the request
   */
  request(call: number, timeoutMs: number, fds: readonly number[] = NO_FDS): void {
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.set(REQUEST_SEQUENCE, this.#sequence);
    this.set(REQUEST_CALL, call);
    this.#pending = true;
    this.#graceUsed = false;
    this.#watch(timeoutMs);
    if (!this.#channel.send(...fds)) this.kill();
  }

  /** Kills the guest process, unless it has already ended. `gone` resolves when it has ended. */
  kill(): void {
    if (!this.#exit) this.#jailed.kill();
  }

  /** Reads what the guest process reported at its start. It had nothing from a module then, so it can be trusted. */
  #readStart(): void {
    if (!this.#started) return;
    this.#pid = this.get(GUEST_PID) || undefined;
    this.#layers = this.get(RESPONSE_LAYERS);
  }

  #woken(closed: boolean): void {
    if (closed) {
      this.kill();
    } else if (this.#pending && this.#hasResponded()) {
      this.#pending = false;
      this.#readStart();
      if (this.#started) this.#started();
      else this.events.responded();
      this.#started = undefined;
    } else {
      this.events.misbehaved();
    }
  }

  #hasResponded(): boolean {
    return this.get(RESPONSE_SEQUENCE) === this.#sequence;
  }

  /** Sets the deadline of the current request. One timer serves many requests, because a new one costs more than a call. */
  #watch(timeoutMs: number): void {
    const previousMs = this.#deadline.atMs;
    this.#deadline.begin(timeoutMs);
    if (this.#timer && this.#deadline.atMs < previousMs) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#timer ??= setTimeout(() => this.#look(), timeoutMs / 2).unref();
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#pending || this.#exit) return;
    const leftMs = this.#deadline.look();
    if (leftMs > 0) {
      this.#timer = setTimeout(() => this.#look(), leftMs).unref();
    } else if (this.#hasResponded() && !this.#graceUsed) {
      // Node runs timers before it reads sockets. If the host itself was busy, the guest's response may wait in the socket.
      this.#graceUsed = true;
      this.#timer = setTimeout(() => this.#look(), GRACE_MS).unref();
    } else {
      this.#timedOut = true;
      this.kill();
    }
  }
}
