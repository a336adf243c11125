import { createServer, type Socket } from 'node:net';
import type { Config } from '../base/config.ts';
import { LAYERS, type Layer } from '../base/layers.ts';
import type { Log } from '../base/log.ts';
import { digestOf, type Trial } from '../gpu/vetting.ts';
import { KnownShaders } from '../play/vet/known.ts';
import type { StartTrial } from '../play/vet/process.ts';
import { Vetting } from '../play/vet/vetting.ts';
import { LineReader } from './lines.ts';
import { listenPrivately } from './listen.ts';
import { answerOf, MESSAGE_CHARS_MAX, REQUESTS_MAX, type VetAnswer, type VetRequest } from './vet-messages.ts';

/** How many connections one process may have open. */
const CONNECTIONS_MAX = 2;
/** How many drivers' verdicts stay in memory. A node has one, or two while it is being updated. */
const DRIVERS_MAX = 4;
/** The text of driverIdentity(). */
const IDENTITY = /^[0-9a-f]{64}$/;

export interface VetServiceOptions {
  socket: string;
  config: Pick<Config, 'cacheDir' | 'shaderMsMax' | 'shaderMemoryBytesMax'>;
  log: Log;
  /** Returns the id of the process that connected, according to the kernel; undefined if it is not known. */
  peerOf(socket: Socket): number | undefined;
  /** Starts processes that try shaders for a host. */
  trialsOf(pid: number | undefined): StartTrial;
  /** Layers without which nothing is tried; by default all. */
  requiredLayers?: readonly Layer[];
}

export interface VetService {
  close(): Promise<void>;
}

/**
 * Tries shaders for hosts on a unix socket that only our own user can open. The keeper writes the file of verdicts, which hosts
 * only read. It computes what a verdict is about from the trial itself, so no host can have one shader tried and another one found
 * harmless. Each host has trial processes of its own, which end with its connection.
 */
export async function serveVetting(options: VetServiceOptions): Promise<VetService> {
  const sessions = new Set<Session>();
  const drivers = new Map<string, KnownShaders>();
  const known = (identity: string) => {
    const { config, log } = options;
    const found = drivers.get(identity) ?? new KnownShaders({ identity, folder: config.cacheDir, stores: true, log });
    const [oldest] = drivers.keys();
    if (!drivers.has(identity) && drivers.size >= DRIVERS_MAX && oldest !== undefined) drivers.delete(oldest);
    drivers.set(identity, found);
    return found;
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const pid = options.peerOf(socket);
    const open = [...sessions].filter((session) => pid !== undefined && session.pid === pid).length;
    if (open >= CONNECTIONS_MAX) return void socket.destroy();
    const session = new Session(socket, pid, { ...options, known });
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
  });
  await listenPrivately(server, options.socket);
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of sessions) session.close();
      await closed;
    },
  };
}

interface SessionOptions extends VetServiceOptions {
  known(identity: string): KnownShaders;
}

/** The connection of a host. */
class Session {
  readonly pid: number | undefined;
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  readonly #lines = new LineReader(MESSAGE_CHARS_MAX);
  readonly #owners = new Map<number, object>();
  /** The requests that wait for an answer, with their owners. */
  readonly #waiting = new Map<number, number>();
  /** Undefined until the host has said which driver it uses. */
  #vetting: Vetting | undefined;

  constructor(socket: Socket, pid: number | undefined, options: SessionOptions) {
    this.pid = pid;
    this.#socket = socket;
    this.#options = options;
    socket.setEncoding('utf8');
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
    // A host that ends its side waits until its trials have ended.
    socket.on('end', () => void this.#endTrials().then(() => socket.end()));
    socket.on('data', (text: string) => this.#read(text));
  }

  /** Ends the connection, and the trials of the host. */
  close(): void {
    this.#socket.destroy();
    void this.#endTrials();
  }

  async #endTrials(): Promise<void> {
    await this.#vetting?.close();
  }

  #read(text: string): void {
    try {
      const lines = this.#lines.push(text);
      if (!lines) throw new Error('it is too long');
      for (const line of lines) this.#receive(JSON.parse(line));
    } catch (error) {
      // A host does not send such messages unless it was taken over.
      this.#options.log(
        'warn',
        `process ${this.pid} sends an unusable message about shaders: ${(error as Error).message}`,
      );
      this.close();
    }
  }

  #receive(message: unknown): void {
    if (typeof message !== 'object' || message === null) throw new Error('it is not an object');
    if ('identity' in message) this.#begin(message.identity);
    else if ('drop' in message) this.#drop(message.drop);
    else this.#try(message as Partial<VetRequest>);
  }

  #begin(identity: unknown): void {
    if (typeof identity !== 'string' || !IDENTITY.test(identity) || this.#vetting) throw new Error('identity');
    const { config, log, requiredLayers = LAYERS, trialsOf, known } = this.#options;
    const start = trialsOf(this.pid);
    this.#vetting = new Vetting({ known: known(identity), config, log, requiredLayers, start });
  }

  #drop(owner: unknown): void {
    const found = typeof owner === 'number' ? this.#owners.get(owner) : undefined;
    if (found === undefined) return;
    this.#vetting?.drop(found);
    this.#owners.delete(owner as number);
    for (const [id, of] of this.#waiting) if (of === owner) this.#waiting.delete(id);
  }

  #try({ id, owner, trial: given }: Partial<VetRequest>): void {
    const vetting = this.#vetting;
    const trial = readTrial(given);
    if (!vetting || typeof id !== 'number' || typeof owner !== 'number' || !trial) throw new Error('request');
    if (this.#waiting.size >= REQUESTS_MAX || this.#waiting.has(id)) throw new Error('too many requests');
    const digest = digestOf(trial, (key) => vetting.digest(key));
    if (vetting.isHarmless(digest)) {
      this.#send({ id, cpuMs: 0 });
      return;
    }
    const room = this.#owners.get(owner) ?? {};
    this.#owners.set(owner, room);
    this.#waiting.set(id, owner);
    const answer = (text: VetAnswer) => {
      if (!this.#waiting.delete(id)) return;
      if (![...this.#waiting.values()].includes(owner)) this.#owners.delete(owner);
      this.#send(text);
    };
    vetting.try(digest, trial, room).then(
      (cpuMs) => answer({ id, cpuMs }),
      (error: unknown) => answer(answerOf(id, error)),
    );
  }

  #send(answer: VetAnswer): void {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(answer)}\n`);
  }
}

/** Reads a trial from a value of JSON; undefined if it is none. WebGPU checks the descriptor, in the trial process. */
function readTrial(value: unknown): Trial | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, code, codes, descriptor, layout } = value as Record<string, unknown>;
  if (kind === 'shaderModule') return typeof code === 'string' ? { kind, code } : undefined;
  if (kind !== 'renderPipeline' && kind !== 'computePipeline') return undefined;
  const isList = Array.isArray(codes) && codes.length <= 2 && codes.every((text) => typeof text === 'string');
  if (!isList || typeof descriptor !== 'object' || descriptor === null) return undefined;
  if (layout !== 'auto' && !Array.isArray(layout)) return undefined;
  return { kind, codes, layout, descriptor };
}
