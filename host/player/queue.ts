import { systemClock } from '../base/clock.ts';
import type { foreignAnswer, LinkFailure, readRefusal } from './refusal.ts';
import type { parametersOf, returnHeader, ViewQuery } from './seat-request.ts';
import type { TokenSource } from './token-source.ts';
import type { ReturnTokens } from './tokens.ts';

/** The server answers questions about the queue within 10 s. */
const ANSWER_MS_MAX = 20_000;
/** Shortest time between two questions about the queue to which the answer was the same. */
const PAUSE_MS_MIN = 250;

export type QueueOptions = {
  /** URL of the WHEP signalling endpoint. */
  url: string;
  query: ViewQuery;
  /** Gets the token of the page's place. */
  tokens: ReturnTokens | undefined;
  /** Returns the player's token. */
  token?: TokenSource | undefined;
  /** Ends the wait. */
  signal: AbortSignal;
  /** Called with the page's position in the queue: 1 is the next. */
  onPosition(position: number): void;
};

/** Functions of parts of the page that are there from its start. */
export type QueueParts = {
  parametersOf: typeof parametersOf;
  returnHeader: typeof returnHeader;
  readRefusal: typeof readRefusal;
  foreignAnswer: typeof foreignAnswer;
};

/**
 * Asks for the page's position in the queue until a seat is free for the page.
 * @returns why the server refuses; undefined if a seat is free
 * @throws Error if the server does not answer, or the wait was ended
 */
export async function waitForSeat(options: QueueOptions, parts: QueueParts): Promise<LinkFailure | undefined> {
  const { signal, onPosition } = options;
  for (let known = 0; ; ) {
    const askedAt = systemClock.now();
    const position = await askPosition(options, parts);
    signal.throwIfAborted();
    if (position === 0) return undefined;
    if (typeof position !== 'number') return position;
    onPosition(position);
    const pauseMs = askedAt + PAUSE_MS_MIN - systemClock.now();
    if (position === known && pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    signal.throwIfAborted();
    known = position;
  }
}

/** @returns the position, or why the server refuses. @throws Error if the server does not answer */
async function askPosition(
  { url, query, tokens, token, signal }: QueueOptions,
  { parametersOf, returnHeader, readRefusal, foreignAnswer }: QueueParts,
): Promise<number | LinkFailure> {
  const response = await fetch(`${url}/queue?${parametersOf(query)}`, {
    method: 'POST',
    headers: returnHeader(tokens?.list ?? [], undefined, await token?.()),
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
  });
  if (response.status !== 200) return readRefusal(response);
  const answer: { position?: unknown; token?: unknown } = await response.json().catch(() => ({}));
  const { position, token: place } = answer ?? {};
  if (typeof position !== 'number' || typeof place !== 'string') return foreignAnswer(response.status);
  tokens?.add(place);
  return position;
}
