import { Agent, type IncomingMessage, request as startRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { NearlightError } from '../../base/errors.ts';
import { writeTraceparent } from '../../base/trace.ts';
import { currentSpan } from '../../base/trace-context.ts';
import { REASONS, type Reason, Refusal } from '../admission/reasons.ts';
import { SAVE_BYTES_MAX } from '../store/bounds.ts';
import type { Save } from '../store/saves.ts';
import { BODY_BYTES_MAX, codeOf, PREFIX, SAVES } from './protocol.ts';

const CONNECTIONS_MAX = 8;
const TRIES_MAX = 2;

export interface EdgeClientOptions {
  /** Connects to the service's socket. */
  connect(): Promise<Duplex>;
  /** Time limit for one request. */
  msMax: number;
  /** Is called when a connection has ended, which a restart of the service causes. */
  onClosed?(): void;
}

interface Exchange {
  method: string;
  path: string;
  type?: string;
  body?: Uint8Array | string;
  bytesMax: number;
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/**
 * Asks the edge service of this node. If it does not answer, a request fails with NL_EDGE; if it refuses, with the error of the service.
 * An answer is checked for its size and form.
 */
export class EdgeClient {
  readonly #options: EdgeClientOptions;
  readonly #agent: Agent;

  constructor(options: EdgeClientOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
    this.#agent.createConnection = (_, done) => {
      options.connect().then(
        (stream) => {
          stream.once('close', () => options.onClosed?.());
          done?.(null, stream);
        },
        (error: Error) => done?.(error, undefined as never),
      );
      return undefined;
    };
  }

  /** Makes a call of the protocol. */
  async call(name: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#exchange({
      method: 'POST',
      path: PREFIX + name,
      type: 'application/json',
      body: JSON.stringify(body),
      bytesMax: BODY_BYTES_MAX,
    });
    return readAnswer(answer);
  }

  async putSave({ id, game, savedAt, state }: Save): Promise<void> {
    const query = new URLSearchParams({ game, savedAt: String(savedAt) });
    const path = `${SAVES}${encodeURIComponent(id)}?${query}`;
    const type = 'application/octet-stream';
    readAnswer(await this.#exchange({ method: 'PUT', path, type, body: state, bytesMax: BODY_BYTES_MAX }));
  }

  /** Returns a saved state; undefined if there is none under this id. */
  async getSave({ id }: { id: string }): Promise<Save | undefined> {
    const path = SAVES + encodeURIComponent(id);
    const answer = await this.#exchange({ method: 'GET', path, bytesMax: SAVE_BYTES_MAX });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) readAnswer(answer);
    const game = decodeURIComponent(String(answer.headers['nearlight-game'] ?? ''));
    return { id, game, savedAt: Number(answer.headers['nearlight-saved-at']), state: answer.body };
  }

  async removeSave({ id }: { id: string }): Promise<boolean> {
    const path = SAVES + encodeURIComponent(id);
    return readAnswer(await this.#exchange({ method: 'DELETE', path, bytesMax: BODY_BYTES_MAX })).removed === true;
  }

  close(): void {
    this.#agent.destroy();
  }

  /**
   * Sends a request, and sends it again if the connection on which it went was an old one that has broken: a service that was restarted
   * leaves such connections.
   */
  async #exchange(exchange: Exchange): Promise<Answer> {
    const signal = AbortSignal.timeout(this.#options.msMax);
    for (let tries = 1; ; tries++)
      try {
        return await this.#send(exchange, signal);
      } catch (error) {
        const { isReused, cause } = error as Broken;
        if (isReused && tries < TRIES_MAX && !signal.aborted) continue;
        throw new NearlightError('NL_EDGE', signal.aborted ? 'it takes too long' : cause.message, { cause });
      }
  }

  #send({ method, path, type, body, bytesMax }: Exchange, signal: AbortSignal): Promise<Answer> {
    const { ids } = currentSpan();
    return new Promise((resolve, reject) => {
      const request = startRequest({
        agent: this.#agent,
        host: 'edge',
        method,
        path,
        signal,
        headers: {
          ...(ids ? { traceparent: writeTraceparent(ids) } : {}),
          ...(body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
        },
      });
      const fail = (cause: Error) => reject(new Broken(cause, request.reusedSocket));
      // One that is refused while it is sent may report several errors.
      request.on('error', fail);
      request.once('response', (response) => {
        readAll(response, bytesMax).then(
          (bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
          (cause: Error) => reject(new Broken(cause, false)),
        );
      });
      request.end(body);
    });
  }
}

/** A request that has got no complete answer. */
class Broken extends Error {
  override readonly cause: Error;
  readonly isReused: boolean;

  constructor(cause: Error, isReused: boolean) {
    super(cause.message);
    this.cause = cause;
    this.isReused = isReused;
  }
}

async function readAll(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new Error(`it answers with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @throws NearlightError as the service has answered, or NL_EDGE if that cannot be read */
function readAnswer({ status, body }: Answer): Readonly<Record<string, unknown>> {
  const value = parse(body);
  if (status === 200) return value;
  const { code, detail, reason } = value;
  if (typeof reason === 'string' && Object.hasOwn(REASONS, reason)) throw new Refusal(reason as Reason);
  throw new NearlightError(codeOf(code) ?? 'NL_EDGE', typeof detail === 'string' ? detail : `it answers ${status}`);
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Whatever it is, it is not an answer.
  }
  throw new NearlightError('NL_EDGE', 'its answer is not a JSON object');
}
