import { NearlightError } from '../../base/errors.ts';
import { type MoveAnswer, type MoveMessage, parseAnswer } from './message.ts';
import type { Peer } from './peer.ts';
import {
  BODY_BYTES_MAX,
  HEADER_FROM,
  HEADER_MAC,
  HEADER_TIME,
  isSame,
  MESSAGES_MAX,
  macOfAnswer,
  macOfRequest,
  PATH,
  parseList,
  readBody,
} from './wire.ts';

/** Requests to one host at the same time. Messages that come meanwhile share the next request. */
const REQUESTS_MAX = 4;
/** Size of the messages at which a request is full. One message has less. */
const BATCH_LENGTH_MAX = 2 ** 20;
/** Limit on the messages that wait for one host. */
export const WAITING_MAX = 16_384;

export interface HttpPeerOptions {
  /** URL at which the host takes messages. */
  url: string;
  /** Name of this host, and of the other. */
  from: string;
  to: string;
  key: string;
  /** Time limit for one request. */
  timeoutMs: number;
  /** Milliseconds since 1970. */
  now?(): number;
}

interface Waiting {
  readonly text: string;
  readonly signal: AbortSignal;
  readonly answer: PromiseWithResolvers<MoveAnswer>;
}

/** Carries messages to another host over HTTP, many in one request when there are many. */
export class HttpPeer implements Peer {
  readonly #options: HttpPeerOptions;
  readonly #url: string;
  #waiting: Waiting[] = [];
  #requests = 0;

  constructor(options: HttpPeerOptions) {
    this.#options = options;
    this.#url = new URL(`.${PATH}`, options.url.endsWith('/') ? options.url : `${options.url}/`).href;
  }

  ask(message: MoveMessage, signal: AbortSignal): Promise<MoveAnswer> {
    const { to } = this.#options;
    if (this.#waiting.length >= WAITING_MAX)
      return Promise.reject(new NearlightError('NL_MOVE', `too many messages wait for ${to}`));
    const answer = Promise.withResolvers<MoveAnswer>();
    this.#waiting.push({ text: JSON.stringify(message), signal, answer });
    // All messages of this turn of the event loop share a request.
    if (this.#waiting.length === 1) setImmediate(() => this.#send());
    return answer.promise;
  }

  #send(): void {
    while (this.#requests < REQUESTS_MAX) {
      const batch = this.#takeBatch();
      if (batch.length === 0) return;
      this.#requests++;
      void this.#post(batch)
        .catch((error: unknown) => {
          for (const { answer } of batch) answer.reject(error);
        })
        .finally(() => {
          this.#requests--;
          this.#send();
        });
    }
  }

  /** Takes the messages that have waited longest, as many as fit. Those that were given up are dropped. */
  #takeBatch(): Waiting[] {
    const batch: Waiting[] = [];
    let [taken, length] = [0, 0];
    for (const waiting of this.#waiting) {
      if (batch.length >= MESSAGES_MAX || length >= BATCH_LENGTH_MAX) break;
      taken++;
      if (waiting.signal.aborted)
        waiting.answer.reject(new NearlightError('NL_MOVE_TIME', 'the message was not sent in time'));
      else {
        batch.push(waiting);
        length += waiting.text.length;
      }
    }
    this.#waiting.splice(0, taken);
    return batch;
  }

  async #post(batch: readonly Waiting[]): Promise<void> {
    const { from, to, key, timeoutMs, now = Date.now } = this.#options;
    const body = Buffer.from(`[${batch.map(({ text }) => text).join(',')}]`);
    const time = now();
    const mac = macOfRequest(key, { from, to, time }, body);
    const response = await fetch(this.#url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        [HEADER_FROM]: from,
        [HEADER_TIME]: String(time),
        [HEADER_MAC]: mac,
      },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: Error) => {
      const { message } = error.cause instanceof Error && error.cause.message ? error.cause : error;
      throw new NearlightError('NL_MOVE', `${to} cannot be reached: ${message}`);
    });
    const bytes = response.body ? await readBody(response.body, BODY_BYTES_MAX) : Buffer.alloc(0);
    if (response.status !== 200) throw new NearlightError('NL_MOVE', `${to} answers with status ${response.status}`);
    if (!isSame(response.headers.get(HEADER_MAC) ?? '', macOfAnswer(key, mac, bytes)))
      throw new NearlightError('NL_MOVE_MESSAGE', `the answer of ${to} is not signed with MOVE_KEY`);
    const answers = parseList(bytes);
    if (answers.length !== batch.length)
      throw new NearlightError('NL_MOVE_MESSAGE', `${to} gives ${answers.length} answers to ${batch.length} messages`);
    for (const [index, { answer }] of batch.entries()) settle(answer, answers[index]);
  }
}

function settle(waiting: PromiseWithResolvers<MoveAnswer>, value: unknown): void {
  try {
    waiting.resolve(parseAnswer(value));
  } catch (error) {
    waiting.reject(error);
  }
}
