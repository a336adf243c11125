import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import type { Compilation } from './compilations.ts';
import { type Frame, FrameReader, frameHead } from './frames.ts';

/** The header of a request for native code, whose body is the module. */
export interface CompileQuestion {
  /** Describes the compiler that the caller's guest program fits. */
  identity: string;
}

/** The header of the keeper's answer. */
export type CompileAnswer =
  /** The body is the native code. */
  | { result: 'code'; isCached: boolean; cpuMs: number; waitedMs: number }
  /** The module is at fault. */
  | { result: 'refused'; code: ErrorCode; message: string }
  /** A bound of the queue is reached: try again. */
  | { result: 'busy'; message: string }
  /** The keeper has a problem of its own, or uses another compiler. */
  | { result: 'failed'; message: string };

/**
 * How long a host process waits for the keeper to compile a module, time in the queue included. After that it compiles the
 * module itself.
 */
const ANSWER_MS_MAX = 150_000;
/** Pause before a request that the keeper has refused for now is sent again. */
const RETRY_MS = 500;
/** The largest native code that is accepted. The compiler's output is limited to this size. */
const CODE_BYTES_MAX = 2 ** 30;
/** With a buffer of this size, native code of ordinary size arrives in few pieces. */
const READ_BYTES = 2 ** 20;

/** Native code from the keeper. */
export interface RemoteCompilation extends Compilation {
  /** Whether the keeper had the code in its cache. */
  isCached: boolean;
}

export interface CompileClientOptions {
  /** Path of the keeper's socket, or a function that returns a connection to it. */
  socket: string | (() => Promise<Socket>);
  answerMsMax?: number;
  retryMs?: number;
}

/** Asks the keeper for native code. Keeps its connection open, because the start of a pod waits for the answer. */
export class CompileClient {
  readonly #options: CompileClientOptions;
  #idle: Connection | undefined;

  constructor(options: CompileClientOptions) {
    this.#options = options;
  }

  /**
   * Asks for the native code of a module.
   * @param identity describes the compiler whose code is wanted
   * @returns undefined if no keeper answers, or if the keeper has a problem of its own
   * @throws NearlightError what is wrong with the module, according to the compiler
   */
  async compile(module: Uint8Array, identity: string): Promise<RemoteCompilation | undefined> {
    const { answerMsMax = ANSWER_MS_MAX, retryMs = RETRY_MS } = this.#options;
    const signal = AbortSignal.timeout(answerMsMax);
    for (;;) {
      const answer = await this.#ask(module, { identity }, signal);
      if (!answer) return undefined;
      const { header, body: code } = answer;
      if (header.result === 'refused') throw refusal(header);
      if (header.result === 'code') return { code, ...header };
      if (header.result !== 'busy') return undefined;
      // Pauses of random length keep pods that started together from asking together again.
      if (await sleep(retryMs * (0.5 + Math.random()), false, { signal }).catch(() => true)) return undefined;
    }
  }

  close(): void {
    this.#idle?.close();
    this.#idle = undefined;
  }

  async #connect(): Promise<Connection | undefined> {
    const { socket } = this.#options;
    if (typeof socket === 'string') return new Connection((read) => connectTo(socket, read));
    const connected = await socket().catch(() => undefined);
    return connected && new Connection((read) => connected.on('data', read));
  }

  /** Asks on the connection that was kept open, or on a new one if that has ended meanwhile. */
  async #ask(module: Uint8Array, question: CompileQuestion, signal: AbortSignal): Promise<Answer | undefined> {
    const kept = this.#idle;
    this.#idle = undefined;
    const connection = kept && !kept.isClosed ? kept : await this.#connect();
    if (!connection) return undefined;
    const answer = await connection.ask(module, question, signal);
    if (answer && !connection.isClosed && !this.#idle) this.#idle = connection;
    else connection.close();
    if (answer || connection !== kept || signal.aborted) return answer;
    return this.#ask(module, question, signal);
  }
}

type Answer = Frame<CompileAnswer>;
type ReadFunction = (chunk: Buffer) => void;

/** Connects to a unix socket. Bytes arrive in pieces as large as READ_BYTES, each valid only during the call of `read`. */
function connectTo(path: string, read: ReadFunction): Socket {
  const callback = (count: number, buffer: Uint8Array) => {
    read(Buffer.from(buffer.buffer, buffer.byteOffset, count));
    return true;
  };
  // The types of Node leave out that a unix socket takes `onread` too.
  const options = { path, onread: { buffer: Buffer.allocUnsafe(READ_BYTES), callback } };
  return connect(options as unknown as NetConnectOpts);
}

/** A connection to the keeper, on which one request is open at a time. */
class Connection {
  readonly #socket: Socket;
  readonly #reader = new FrameReader<CompileAnswer>(CODE_BYTES_MAX);
  #resolve: ((answer: Answer | undefined) => void) | undefined;

  /** @param open returns a connected socket, which calls `read` with what arrives */
  constructor(open: (read: ReadFunction) => Socket) {
    this.#socket = open((chunk) => this.#read(chunk));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => this.#settle(undefined));
  }

  get isClosed(): boolean {
    return this.#socket.destroyed || this.#socket.readyState === 'closed' || this.#socket.readableEnded;
  }

  /** Sends a request. Resolves with undefined if the connection ends or the signal is aborted before the answer. */
  async ask(module: Uint8Array, question: CompileQuestion, signal: AbortSignal): Promise<Answer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    this.#resolve = resolve;
    const onAbort = () => this.close();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted || this.isClosed) this.close();
    this.#socket.cork();
    this.#socket.write(frameHead(question, module.length));
    this.#socket.write(module);
    this.#socket.uncork();
    const answer = await promise;
    signal.removeEventListener('abort', onAbort);
    return answer;
  }

  close(): void {
    this.#socket.destroy();
    this.#settle(undefined);
  }

  #read(chunk: Buffer): void {
    try {
      const answer = this.#reader.push(chunk);
      if (answer) this.#settle(answer);
    } catch {
      this.close();
    }
  }

  #settle(answer: Answer | undefined): void {
    this.#resolve?.(answer);
    this.#resolve = undefined;
  }
}

function refusal({ code, message }: { code: ErrorCode; message: string }): NearlightError {
  return new NearlightError(Object.hasOwn(errors, code) ? code : 'NL_COMPILE', message);
}
