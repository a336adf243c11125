import type { IncomingMessage } from 'node:http';
import { NearlightError } from '../base/errors.ts';

/** An operator's order to move a player. */
export interface MoveOrder {
  /** Name of the game, and number of the seat, that the player has now. */
  readonly game: string;
  readonly seat: number;
  /** Name of a host in MOVE_PEERS, or '' for this one, and name of the game there, or '' for one of the same name. */
  readonly to: { readonly host: string; readonly game: string };
  /** Id of the trace that the move belongs to (W3C Trace Context). */
  readonly trace?: string;
}

/** Limits on what an operator sends. */
export const ORDER_BYTES_MAX = 4096;
const NAME_LENGTH_MAX = 256;
const SEAT_MAX = 63;
const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const NO_TRACE = /^0+$/;

/**
 * Reads an order: JSON such as `{ "game": "arena", "seat": 0, "host": "west" }`, with `toGame` for another game. The content type must be
 * JSON, which no page of another site can send without asking first.
 * @throws NearlightError NL_REQUEST
 */
export async function readMoveOrder(request: IncomingMessage): Promise<MoveOrder> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    throw new NearlightError('NL_REQUEST', 'the content type is not application/json');
  const order = parse(await readText(request));
  const { game, seat, host = '', toGame = '' } = order;
  if (!isName(game) || game === '')
    throw new NearlightError('NL_REQUEST', `game is not a text of 1 to ${NAME_LENGTH_MAX} characters`);
  if (!Number.isInteger(seat) || (seat as number) < 0 || (seat as number) > SEAT_MAX)
    throw new NearlightError('NL_REQUEST', `seat is not a whole number from 0 to ${SEAT_MAX}`);
  if (!isName(host) || !isName(toGame))
    throw new NearlightError('NL_REQUEST', `host or toGame is not a text of at most ${NAME_LENGTH_MAX} characters`);
  const [, trace = ''] = TRACE_PARENT.exec(String(request.headers.traceparent ?? '')) ?? [];
  const isTraced = trace !== '' && !NO_TRACE.test(trace);
  return { game, seat: seat as number, to: { host, game: toGame }, ...(isTraced ? { trace } : {}) };
}

async function readText(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > ORDER_BYTES_MAX)
      throw new NearlightError('NL_REQUEST', `the body has more than ${ORDER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Refused below.
  }
  throw new NearlightError('NL_REQUEST', 'the body is not a JSON object');
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= NAME_LENGTH_MAX;
}
