import type { Socket } from 'node:net';
import { NearlightError } from '../base/errors.ts';
import type { ShaderVetting, Trial } from '../gpu/vetting.ts';
import type { KnownShaders } from '../play/vet/known.ts';
import { LineReader } from './lines.ts';
import { errorOf, MESSAGE_CHARS_MAX, REQUESTS_MAX, type VetAnswer, type VetMessage } from './vet-messages.ts';

/** How often a request is sent whose connection ends before the answer. */
const TRIES_MAX = 3;
/** How long close() waits for the keeper to end the trials. */
const CLOSE_MS_MAX = 500;

export interface VetClientOptions {
  /** The shaders that need no trial. This process does not store any. */
  known: KnownShaders;
  /** Connects to the keeper. */
  connect(): Promise<Socket>;
}

interface Request {
  id: number;
  owner: object;
  digest: string;
  trial: Trial;
  tries: number;
  resolve(ms: number): void;
  reject(error: Error): void;
}

/** Has the keeper try shaders and pipelines. The keeper also stores which are harmless. */
export class VetClient implements ShaderVetting {
  readonly #options: VetClientOptions;
  readonly #owners = new WeakMap<object, number>();
  readonly #dropped = new WeakSet<object>();
  /** Requests that were not sent, the oldest first. */
  #queue: Request[] = [];
  readonly #sent = new Map<number, Request>();
  #socket: Socket | undefined;
  #isConnecting = false;
  #closed = false;
  #lastNumber = 0;

  constructor(options: VetClientOptions) {
    this.#options = options;
  }

  digest(key: string): string {
    return this.#options.known.digest(key);
  }

  isHarmless(digest: string): boolean {
    return this.#options.known.has(digest);
  }

  try(digest: string, trial: Trial, owner: object): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    if (this.#dropped.has(owner) || this.#closed) return promise;
    this.#queue.push({ id: ++this.#lastNumber, owner, digest, trial, tries: 0, resolve, reject });
    void this.#flush();
    return promise;
  }

  drop(owner: object): void {
    this.#dropped.add(owner);
    this.#queue = this.#queue.filter((request) => request.owner !== owner);
    const sent = [...this.#sent.values()].filter((request) => request.owner === owner);
    for (const { id } of sent) this.#sent.delete(id);
    if (sent.length > 0) this.#send({ drop: this.#numberOf(owner) });
    void this.#flush();
  }

  /**
   * Ends the connection, and so the processes that tried shaders for this process. The next trial gets others. Resolves when the
   * keeper has ended them.
   */
  async disconnect(): Promise<void> {
    const socket = this.#socket;
    if (!socket || socket.destroyed) return;
    const closed = new Promise<void>((resolve) => {
      socket.on('close', () => resolve());
      setTimeout(resolve, CLOSE_MS_MAX).unref();
    });
    socket.end();
    await closed;
    socket.destroy();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue = [];
    this.#sent.clear();
    await this.disconnect();
  }

  #numberOf(owner: object): number {
    const number = this.#owners.get(owner) ?? ++this.#lastNumber;
    this.#owners.set(owner, number);
    return number;
  }

  /** Sends as many requests as the keeper takes. */
  async #flush(): Promise<void> {
    if (this.#isConnecting || this.#queue.length === 0) return;
    this.#isConnecting = true;
    try {
      if (!this.#socket || this.#socket.destroyed || this.#socket.writableEnded) await this.#connect();
    } catch (error) {
      const why = `shaders cannot be tried: the keeper does not answer: ${(error as Error).message}`;
      for (const { reject } of this.#queue.splice(0)) reject(new NearlightError('NL_NO_GPU', why));
    } finally {
      this.#isConnecting = false;
    }
    while (this.#sent.size < REQUESTS_MAX) {
      const request = this.#queue.shift();
      if (!request) return;
      request.tries++;
      this.#sent.set(request.id, request);
      this.#send({ id: request.id, owner: this.#numberOf(request.owner), trial: request.trial });
    }
  }

  async #connect(): Promise<void> {
    const socket = await this.#options.connect();
    const lines = new LineReader(MESSAGE_CHARS_MAX);
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#lost(socket));
    socket.on('data', (text: string) => {
      for (const line of lines.push(text) ?? []) this.#receive(JSON.parse(line) as VetAnswer);
    });
    this.#send({ identity: this.#options.known.identity });
  }

  #send(message: VetMessage): void {
    if (this.#socket && !this.#socket.destroyed) this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  #receive(answer: VetAnswer): void {
    const request = this.#sent.get(answer.id);
    this.#sent.delete(answer.id);
    if (request && 'cpuMs' in answer) {
      this.#options.known.remember(request.digest);
      request.resolve(answer.cpuMs);
    } else if (request && !('cpuMs' in answer)) request.reject(errorOf(answer));
    void this.#flush();
  }

  /** Asks again for what the keeper has not answered. */
  #lost(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    const unanswered = [...this.#sent.values()];
    this.#sent.clear();
    for (const request of unanswered) {
      if (request.tries < TRIES_MAX) this.#queue.unshift(request);
      else
        request.reject(new NearlightError('NL_NO_GPU', 'shaders cannot be tried: the keeper ends during their trials'));
    }
    void this.#flush();
  }
}
