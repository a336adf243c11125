import {
  CARRY_TYPE,
  HEADER_HOLD,
  HEADER_PAGE,
  HEADER_RETURN,
  HEADER_TRACE,
  PROTOCOL_VERSION,
  QUERY_HOLD,
  QUERY_PROTOCOL,
  QUERY_WATCH,
} from '../base/protocol.ts';
import { foreignAnswer, type LinkFailure, readRefusal } from './refusal.ts';

/**
 * The picture and the game that a page asks for, as in its URL: `size` is WIDTHxHEIGHT, `bitrate` the most bits per second of the
 * picture. The server checks the values and has defaults for missing ones.
 */
export type ViewQuery = {
  size?: string | undefined;
  fps?: number | string | undefined;
  bitrate?: number | string | undefined;
  game?: string | undefined;
  /** Format of the video for a page that decodes it itself. */
  codec?: string | undefined;
  /** Set, to the empty string, if the page only watches the game and has no seat. */
  [QUERY_WATCH]?: '' | undefined;
};

/** Content of a request for a seat. */
export type AskedSeat = Pick<Parameters<typeof requestSeat>[1], 'query' | 'tokens' | 'body'>;

/** A seat that the server has promised to a page. */
export type PromisedSeat = {
  /** URL of the connection on the server. */
  location: string;
  tokens: string[];
  holdMs: number;
  iceServers: RTCIceServer[];
  /** Body of the server's answer. */
  answer: string;
};

/**
 * For requests over a line that may be dead. Browsers send requests without credentials over connections of their own, so those
 * for later requests are not stuck behind packets that were lost.
 */
const BLIND = { credentials: 'omit' } as const;

/** Asks the server for a connection. @throws TypeError if the server does not answer */
export async function requestSeat(
  url: string,
  options: {
    query: ViewQuery;
    tokens: readonly string[] | undefined;
    body?: { type: string; text: string };
    /** The carry ticket of another server. */
    carry?: string | undefined;
    page?: string | undefined;
    /** Token or join ticket of the player, if the server asks for one. */
    token?: string | undefined;
    /** Whether the line to the server may be dead. */
    isBlind?: boolean | undefined;
    signal: AbortSignal;
  },
): Promise<PromisedSeat | { failure: LinkFailure }> {
  const { query, tokens, carry, isBlind, page, token, signal } = options;
  const sdp = options.body?.text;
  const body = carry ? { type: CARRY_TYPE, text: JSON.stringify({ sdp, carry }) } : options.body;
  const response = await fetch(`${url}?${parametersOf(query)}`, {
    method: 'POST',
    headers: {
      ...(body ? { 'content-type': body.type } : {}),
      ...returnHeader(tokens, page, token),
      [HEADER_TRACE]: createTraceparent(),
    },
    ...(body ? { body: body.text } : {}),
    ...(isBlind ? BLIND : {}),
    signal,
  });
  if (response.status !== 201) return { failure: await readRefusal(response) };
  const location = response.headers.get('location');
  if (location === null) return { failure: foreignAnswer(response.status) };
  const link = response.headers.get('link');
  return {
    location: URL.canParse(location, response.url) ? new URL(location, response.url).href : location,
    tokens: response.headers.get(HEADER_RETURN)?.split(',') ?? [],
    holdMs: Number(response.headers.get(HEADER_HOLD) ?? 0) || 0,
    iceServers: link ? await readServers(link) : [],
    answer: await response.text(),
  };
}

/** Reads what few servers send. */
async function readServers(link: string): Promise<RTCIceServer[]> {
  return (await import('./ice-servers.ts').catch(() => undefined))?.readIceServers(link) ?? [];
}

/** Tells the server that the player leaves the seat, or that the page may come back to it. Also works while the page is closed. */
export function leaveSeat(location: string, leave: 'seat' | 'page'): void {
  const url = leave === 'page' ? `${location}?${QUERY_HOLD}` : location;
  // If the request fails, the server still notices that the page is silent.
  fetch(url, { method: 'DELETE', keepalive: true }).catch(() => {});
}

/** Writes what a page asks for as the query of a URL, with the version of the protocol that it speaks. */
export function parametersOf(query: ViewQuery): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  parameters.set(QUERY_PROTOCOL, String(PROTOCOL_VERSION));
  return parameters;
}

/**
 * Returns the HTTP headers with a page's return tokens, its id, and the player's token (RFC 6750). An empty list says that the page can
 * return, undefined that it will not.
 */
export function returnHeader(
  tokens: readonly string[] | undefined,
  page?: string,
  token?: string,
): Record<string, string> {
  return {
    ...(tokens ? { [HEADER_RETURN]: tokens.join() || 'new', ...(page ? { [HEADER_PAGE]: page } : {}) } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  };
}

/** Begins a trace (W3C Trace Context), whose id finds this request in the traces and in the log of the host. */
function createTraceparent(): string {
  const numbers = crypto.getRandomValues(new Uint32Array(6));
  const digits = Array.from(numbers, (number) => number.toString(16).padStart(8, '0')).join('');
  return `00-${digits.slice(16)}-${digits.slice(0, 16)}-00`;
}

/** Returns a name that no other page has. Unlike randomUUID, it needs no secure context. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}
