import { closeSync, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import type { NativeCode } from '../engine/wasmedge/sealed.ts';
import type { Compilation } from './compilations.ts';
import { type Frame, FrameReader, frameHead } from './frames.ts';
import { duplicate, type Message, type MessageSocket, openMessageSocket } from './message-socket.ts';

/** The header of a request for native code, whose body is the module. */
export interface CompileQuestion {
  /** Describes the compiler that the caller's guest program fits. */
  identity: string;
}

/** The header of the keeper's answer. */
export type CompileAnswer =
  /** A descriptor of sealed memory with the native code comes with the answer, or the body is the code. */
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
/** The largest native code that is accepted as a copy. The compiler's output is limited to this size. */
const CODE_BYTES_MAX = 2 ** 30;

/** Native code from the keeper. */
export interface RemoteCompilation extends Omit<Compilation, 'code'> {
  /** It belongs to the caller. */
  code: NativeCode;
  /** Whether the keeper had the code in its cache. */
  isCached: boolean;
}

export interface CompileClientOptions {
  /** Connects to the keeper's socket. Resolves with a descriptor, which then belongs to the client. */
  connect(): Promise<number>;
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
      const { header, code } = answer;
      if (header.result === 'refused') throw refusal(header);
      if (header.result === 'code' && code) return { code, ...header };
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
    const connected = await this.#options.connect().catch(() => undefined);
    return connected === undefined ? undefined : new Connection(connected);
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

interface Answer extends Frame<CompileAnswer> {
  code?: NativeCode;
}

/** A connection to the keeper, on which one request is open at a time. */
class Connection {
  readonly #reader: MessageSocket;
  readonly #writer: Socket;
  readonly #frames = new FrameReader<CompileAnswer>(CODE_BYTES_MAX);
  #fds: number[] = [];
  #resolve: ((answer: Answer | undefined) => void) | undefined;
  isClosed = false;

  /** @param fd descriptor of a connected socket, which this object takes over */
  constructor(fd: number) {
    // Node's sockets lose the descriptors that come with what they read.
    this.#writer = new Socket({ fd: duplicate(fd), readable: false, writable: true });
    this.#writer.on('error', () => this.close());
    this.#reader = openMessageSocket(fd, {
      received: (message) => this.#read(message),
      closed: () => this.close(),
    });
  }

  /** Sends a request. Resolves with undefined if the connection ends or the signal is aborted before the answer. */
  async ask(module: Uint8Array, question: CompileQuestion, signal: AbortSignal): Promise<Answer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    this.#resolve = resolve;
    const onAbort = () => this.close();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted || this.isClosed) this.close();
    this.#writer.cork();
    this.#writer.write(frameHead(question, module.length));
    this.#writer.write(module);
    this.#writer.uncork();
    const answer = await promise;
    signal.removeEventListener('abort', onAbort);
    return answer;
  }

  close(): void {
    this.isClosed = true;
    this.#reader.close();
    this.#writer.destroy();
    for (const fd of this.#fds.splice(0)) closeSync(fd);
    this.#settle(undefined);
  }

  #read({ bytes, fds }: Message): void {
    this.#fds.push(...fds);
    try {
      const frame = this.#frames.push(bytes);
      if (!frame) return;
      const { header, body } = frame;
      // Exactly one of the two holds the code, and no other answer has one.
      const codes = this.#fds.length + (body.length > 0 ? 1 : 0);
      const isCode = header.result === 'code';
      if (codes !== (isCode ? 1 : 0) || !this.#resolve) throw new Error('the answer is not complete');
      const [fd] = this.#fds.splice(0);
      this.#settle(isCode ? { ...frame, code: fd === undefined ? body : { fd, bytes: fstatSync(fd).size } } : frame);
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
