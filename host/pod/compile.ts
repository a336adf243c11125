import { closeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { NearlightError } from '../base/errors.ts';
import { type Addon, loadAddon } from '../engine/wasmedge/addon.ts';
import { copyOf, type SealedCode } from '../engine/wasmedge/sealed.ts';
import { CodeBudget } from './code-budget.ts';
import { Compilations } from './compilations.ts';
import type { CompileAnswer, CompileQuestion } from './compile-client.ts';
import { type QueueBounds, QueueFull, type Tenant } from './fair-queue.ts';
import { type Frame, FrameError, FrameReader, frameHead } from './frames.ts';
import { KeeperMeters } from './keeper-meters.ts';
import { listenPrivately } from './listen.ts';
import { sendDescriptor } from './message-socket.ts';
import { descriptorOf } from './peer.ts';

/** How many requests to compile may wait or run at a time. The keeper refuses more, and the caller tries again. */
const BOUNDS: QueueBounds = { pod: 4, namespace: 32, all: 64 };
/** How many connections one process may have open, with one request each. */
const CONNECTIONS_MAX = 8;
/** How long a host may take to send a request. */
const REQUEST_MS_MAX = 20_000;

/** The compiler of the keeper, with its cache. */
export interface Compiler {
  /** Describes the compiler. Hosts that run with another one cannot use its code. */
  identity(): Promise<string>;
  /** Returns the native code of a module if the cache has it. It belongs to the caller. */
  find(module: Uint8Array): Promise<SealedCode | undefined>;
  /**
   * Checks a module, compiles it and stores the result in the cache. Calls `spent` with the CPU time in milliseconds of each
   * run of the compiler.
   * @throws NearlightError
   */
  make(module: Uint8Array, spent: (cpuMs: number) => void): Promise<Uint8Array>;
  readonly counts: { hits: number; misses: number; rejected: number };
}

export interface CompileServiceOptions {
  socket: string;
  moduleBytesMax: number;
  compiler: Compiler;
  /** How many modules are compiled at a time. */
  slots: number;
  /** Returns the id of the process that connected, according to the kernel; undefined if it is not known. */
  peerOf(socket: Socket): number | undefined;
  /** Returns the pod that a process serves. */
  tenantOf(pid: number | undefined): Tenant;
  meters?: KeeperMeters;
  /** How much code one host gets without a copy; by default the bound of CodeBudget. */
  codeBytesMax?: number;
}

export interface CompileService {
  /** Number of requests whose module waits for its turn or is being compiled. */
  readonly queued: number;
  /** Modules that wait for their turn, and those that are being compiled. */
  readonly queue: { waiting: number; running: number };
  close(): Promise<void>;
}

/**
 * Answers requests for native code on a unix socket that only our own user can open (CompileQuestion, CompileAnswer). The keeper
 * reads and writes the cache and never runs a game, so no game can tamper with the cache.
 */
export async function serveCompiler(options: CompileServiceOptions): Promise<CompileService> {
  const { socket: path } = options;
  const service = new Service(options, await loadAddon());
  const server = createServer((socket) => service.accept(socket));
  await listenPrivately(server, path);
  return {
    get queued() {
      return service.queued;
    },
    get queue() {
      return service.queue;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      service.close();
      await closed;
    },
  };
}

class Service {
  readonly #options: CompileServiceOptions;
  readonly #addon: Addon;
  readonly #meters: KeeperMeters;
  readonly #compilations: Compilations;
  readonly #budget: CodeBudget;
  readonly #sockets = new Set<Socket>();
  /** Number of open connections of each process. */
  readonly #open = new Map<number, number>();
  queued = 0;

  constructor(options: CompileServiceOptions, addon: Addon) {
    const { compiler, slots, meters = new KeeperMeters() } = options;
    this.#options = options;
    this.#addon = addon;
    this.#budget = new CodeBudget(options.codeBytesMax);
    this.#meters = meters;
    this.#compilations = new Compilations({
      slots,
      bounds: BOUNDS,
      make: (module, spent) => compiler.make(module, spent),
      ended: (...figures) => meters.countCompilation(...figures),
    });
  }

  get queue(): { waiting: number; running: number } {
    const { waiting, running } = this.#compilations;
    return { waiting, running };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const pid = this.#options.peerOf(socket);
    const open = pid === undefined ? 0 : (this.#open.get(pid) ?? 0);
    this.#sockets.add(socket);
    if (pid !== undefined) this.#open.set(pid, open + 1);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (pid !== undefined) this.#release(pid);
    });
    if (open < CONNECTIONS_MAX) this.#read(socket, pid);
    else this.#refuse(socket, this.#busy(`${open} requests of this process are open`));
  }

  #release(pid: number): void {
    const left = (this.#open.get(pid) ?? 1) - 1;
    if (left > 0) this.#open.set(pid, left);
    else this.#open.delete(pid);
  }

  /** Reads requests from a connection, and answers each before the next one. */
  #read(socket: Socket, pid: number | undefined): void {
    const { moduleBytesMax } = this.#options;
    const reader = new FrameReader<CompileQuestion>(moduleBytesMax);
    let isAnswering = false;
    socket.on('timeout', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      if (isAnswering) return void socket.destroy();
      try {
        const frame = reader.push(chunk);
        // A host keeps its connection open while it waits for a pod, but must send a request that has begun.
        socket.setTimeout(reader.isWithin ? REQUEST_MS_MAX : 0);
        if (!frame) return;
        isAnswering = true;
        void this.#answer(frame, socket, pid).then(() => {
          isAnswering = false;
        });
      } catch (error) {
        if (!(error instanceof FrameError && error.isTooLong)) return void socket.destroy();
        const message = `the module is larger than ${moduleBytesMax} bytes (MODULE_BYTES_MAX)`;
        this.#refuse(socket, { result: 'refused', code: 'NL_MODULE_LIMIT', message });
      }
    });
  }

  async #answer(frame: Frame<CompileQuestion>, socket: Socket, pid: number | undefined): Promise<void> {
    try {
      await this.#compile(frame, socket, pid);
    } catch (error) {
      if (error instanceof QueueFull) send(socket, this.#busy(error.message));
      else if (error instanceof NearlightError)
        send(socket, { result: 'refused', code: error.code, message: error.detail });
      else send(socket, { result: 'failed', message: String(error) });
    }
  }

  async #compile({ header, body: module }: Frame<CompileQuestion>, socket: Socket, pid?: number): Promise<void> {
    const { compiler, tenantOf } = this.#options;
    if (header.identity !== (await compiler.identity()))
      return send(socket, { result: 'failed', message: 'the caller uses another compiler' });
    const cached = await compiler.find(module);
    if (cached) return this.#sendCode(socket, { result: 'code', isCached: true, cpuMs: 0, waitedMs: 0 }, cached, pid);
    const gone = new AbortController();
    const onClose = () => gone.abort();
    socket.once('close', onClose);
    this.queued++;
    try {
      const request = { module, tenant: tenantOf(pid), signal: gone.signal };
      const { code, cpuMs, waitedMs } = await this.#compilations.compile(request);
      const sealed = { fd: this.#addon.sealed(code), bytes: code.length };
      this.#sendCode(socket, { result: 'code', isCached: false, cpuMs, waitedMs }, sealed, pid);
    } finally {
      this.queued--;
      socket.off('close', onClose);
    }
  }

  /**
   * Sends native code as a descriptor, which the host cannot change and need not copy. Sends a host that holds enough such
   * memory a copy. Releases the code.
   */
  #sendCode(socket: Socket, answer: CompileAnswer, code: SealedCode, pid?: number): void {
    try {
      const to = descriptorOf(socket);
      if (to === undefined) return;
      if (pid !== undefined && !this.#budget.take(pid, code)) send(socket, answer, copyOf(code));
      // A host that reads its answers has room for the next one.
      else if (!sendDescriptor(to, frameHead(answer, 0), code.fd)) socket.destroy();
    } finally {
      closeSync(code.fd);
    }
  }

  #busy(message: string): CompileAnswer {
    this.#meters.refused++;
    return { result: 'busy', message };
  }

  /** Answers and ends a connection. Bytes that still arrive on it are thrown away. */
  #refuse(socket: Socket, answer: CompileAnswer): void {
    socket.removeAllListeners('data');
    socket.resume();
    socket.setTimeout(REQUEST_MS_MAX, () => socket.destroy());
    send(socket, answer);
    socket.end();
  }
}

function send(socket: Socket, answer: CompileAnswer, code: Uint8Array = new Uint8Array(0)): void {
  if (socket.destroyed) return;
  socket.cork();
  socket.write(frameHead(answer, code.length));
  if (code.length > 0) socket.write(code);
  socket.uncork();
}
