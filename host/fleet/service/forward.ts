import { Agent, request as startRequest } from 'node:http';
import { NearlightError } from '../../base/errors.ts';
import type { Call, Reply } from './http.ts';

const CONNECTIONS_MAX = 64;
const ANSWER_BYTES_MAX = 8 * 2 ** 20;
const REQUEST_MS_MAX = 12_000;
/** Marks a request that another replica has passed on, which is never passed on again. */
export const FORWARDED = 'nearlight-forwarded';
const PASSED = ['authorization', 'content-type', 'traceparent'] as const;

/** Passes requests on to the replica that leads, so that callers need not know which one that is. */
export class Forwarder {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });

  /** @param leader URL of the replica that leads; undefined if there is none now @throws NearlightError NL_FLEET */
  async pass({ request, method, url }: Call, leader: string | undefined): Promise<Reply> {
    if (leader === undefined || !URL.canParse(leader))
      throw new NearlightError('NL_FLEET', 'no replica leads now; ask again in a second');
    if (request.headers[FORWARDED] !== undefined)
      throw new NearlightError('NL_FLEET', 'the replicas do not agree on who leads; ask again in a second');
    const headers: Record<string, string> = { [FORWARDED]: '1' };
    for (const name of PASSED) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
    const target = new URL(`${url.pathname}${url.search}`, leader);
    return new Promise((resolve, reject) => {
      const fail = (cause: Error) =>
        reject(
          new NearlightError('NL_FLEET', 'the replica that leads does not answer; ask again in a second', { cause }),
        );
      const signal = AbortSignal.timeout(REQUEST_MS_MAX);
      const passed = startRequest(target, { method, headers, agent: this.#agent, signal }, (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > ANSWER_BYTES_MAX) passed.destroy(new Error(`more than ${ANSWER_BYTES_MAX} bytes`));
          else chunks.push(chunk);
        });
        response.once('error', fail);
        response.once('end', () => {
          const { statusCode: status = 502, headers: answered } = response;
          const kept = ['retry-after', 'www-authenticate', 'location'].flatMap((name) => {
            const value = answered[name];
            return typeof value === 'string' ? [[name, value]] : [];
          });
          resolve({ status, body: parse(Buffer.concat(chunks)), headers: Object.fromEntries(kept) });
        });
      });
      passed.on('error', fail);
      request.on('error', (error) => passed.destroy(error));
      request.pipe(passed);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parse(bytes: Buffer): object | string {
  const text = bytes.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : text;
  } catch {
    return text;
  }
}
