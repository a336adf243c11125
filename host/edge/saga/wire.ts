import { createHmac, timingSafeEqual } from 'node:crypto';
import { NearlightError } from '../../base/errors.ts';

/**
 * Messages between hosts travel as HTTP requests with a list of messages, whose answers come back as a list in the same order. Both carry
 * an HMAC with SHA-256 under MOVE_KEY. That of a request covers the names of both hosts and the time, that of an answer the request.
 * So a message cannot be forged, sent to another host, or repeated later; a repetition at once changes nothing, because messages have
 * versions. Nothing is encrypted: hosts that reach each other over a strange network put TLS in between.
 */
export const PATH = '/moves';
export const HEADER_FROM = 'nearlight-from';
export const HEADER_TIME = 'nearlight-time';
export const HEADER_MAC = 'nearlight-mac';
/** Limit on the messages of one request, and on its size. */
export const MESSAGES_MAX = 64;
export const BODY_BYTES_MAX = 8 * 2 ** 20;
/** Clocks of two hosts may differ by this much. */
export const SKEW_MS_MAX = 30_000;
/** A shorter secret could be guessed. */
export const KEY_LENGTH_MIN = 32;

/** Facts about a request that its MAC covers, in addition to its body. */
export interface Envelope {
  readonly from: string;
  readonly to: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

export function macOfRequest(key: string, { from, to, time }: Envelope, body: Uint8Array): string {
  return createHmac('sha256', key)
    .update(`nearlight move request\n${from}\n${to}\n${time}\n`)
    .update(body)
    .digest('base64url');
}

/** @param request the MAC of the request that is answered */
export function macOfAnswer(key: string, request: string, body: Uint8Array): string {
  return createHmac('sha256', key).update(`nearlight move answer\n${request}\n`).update(body).digest('base64url');
}

export function isSame(mac: string, other: string): boolean {
  const [a, b] = [Buffer.from(mac), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Reads a list from the body of a request or an answer. @throws NearlightError NL_MOVE_MESSAGE */
export function parseList(body: Uint8Array): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    throw new NearlightError('NL_MOVE_MESSAGE', 'the body is not JSON');
  }
  if (Array.isArray(value) && value.length > 0 && value.length <= MESSAGES_MAX) return value;
  throw new NearlightError('NL_MOVE_MESSAGE', `the body is not a list of 1 to ${MESSAGES_MAX} messages`);
}

/** Reads a body of a bounded size. @throws NearlightError NL_MOVE_MESSAGE if it is larger */
export async function readBody(stream: AsyncIterable<Uint8Array>, bytesMax = BODY_BYTES_MAX): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new NearlightError('NL_MOVE_MESSAGE', `the body has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
