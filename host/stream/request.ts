import type { IncomingMessage } from 'node:http';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { CARRY_LENGTH_MAX, CARRY_TYPE, PROTOCOL_VERSION, QUERY_PROTOCOL } from '../base/protocol.ts';
import type { VideoCodec, ViewRequest } from './player.ts';

const SIDE_MIN = 64;
/** Even the smallest pictures need this many bits per second. */
const BITRATE_MIN = 150_000;

/**
 * Reads `size=WIDTHxHEIGHT`, `fps=N`, `bitrate=N` and `game=NAME` from a URL query. Missing values come from `defaults`, limited to
 * the bounds in the settings. A bit rate above the bound is none, because the host does not exceed it.
 * @throws NearlightError NL_REQUEST saying what is allowed
 */
export function readView(query: URLSearchParams, config: Config, defaults: ViewRequest): ViewRequest {
  const { viewWidthMax, viewHeightMax, viewFpsMax, bitrateMax } = config;
  const sizes = query.getAll('size');
  const rates = query.getAll('fps');
  const size = /^([1-9]\d{1,4})x([1-9]\d{1,4})$/.exec(sizes[0] ?? '');
  const width = size ? Number(size[1]) : Math.min(defaults.width, viewWidthMax & ~1);
  const height = size ? Number(size[2]) : Math.min(defaults.height, viewHeightMax & ~1);
  const inBounds = width >= SIDE_MIN && height >= SIDE_MIN && width <= viewWidthMax && height <= viewHeightMax;
  if (sizes.length > 1 || (sizes.length === 1 && !size) || !inBounds || width % 2 !== 0 || height % 2 !== 0)
    throw new NearlightError(
      'NL_REQUEST',
      `size must be WIDTHxHEIGHT in even numbers from ${SIDE_MIN}x${SIDE_MIN} to ${viewWidthMax}x${viewHeightMax}`,
    );
  const fps = rates.length === 0 ? Math.min(defaults.fps, viewFpsMax) : Number(rates[0]);
  if (rates.length > 1 || !/^([1-9]\d{0,2})?$/.test(rates[0] ?? '') || fps < 1 || fps > viewFpsMax)
    throw new NearlightError('NL_REQUEST', `fps must be a whole number from 1 to ${viewFpsMax}`);
  const bitrates = query.getAll('bitrate');
  const bitrate = Number(bitrates[0] ?? Number.POSITIVE_INFINITY);
  if (bitrates.length > 1 || !/^([1-9]\d{0,9})?$/.test(bitrates[0] ?? '') || bitrate < BITRATE_MIN)
    throw new NearlightError('NL_REQUEST', `bitrate must be a whole number of bits per second from ${BITRATE_MIN}`);
  const game = query.get('game');
  return { width, height, fps, ...(bitrate < bitrateMax ? { bitrate } : {}), ...(game ? { game } : {}) };
}

/** Refuses a page that speaks another version of the protocol. Clients that name none are welcome. @throws NearlightError NL_PAGE_VERSION */
export function checkProtocol(query: URLSearchParams): void {
  const version = query.get(QUERY_PROTOCOL);
  if (version === null || version === String(PROTOCOL_VERSION)) return;
  const spoken = `this server speaks version ${PROTOCOL_VERSION} of the protocol, and the page version ${version.slice(0, 8)}`;
  throw new NearlightError(
    'NL_PAGE_VERSION',
    `${spoken}; load the page again, or give its site the player of this server`,
  );
}

/**
 * Reads `codec=h264` or `codec=vp8` from the URL query of a page that decodes its video itself. The default is h264.
 * @throws NearlightError NL_REQUEST saying what is allowed
 */
export function readCodec(query: URLSearchParams): VideoCodec {
  const [codec = 'h264', ...others] = query.getAll('codec');
  if (others.length > 0 || (codec !== 'h264' && codec !== 'vp8'))
    throw new NearlightError('NL_REQUEST', 'codec must be h264 or vp8');
  return codec;
}

/**
 * Reads the body of a request that carries SDP of the content type `wanted`.
 * @throws NearlightError NL_OFFER_TYPE, NL_OFFER_TOO_LARGE
 */
export async function readSdp(request: IncomingMessage, wanted: string, bytesMax: number): Promise<string> {
  if (typeOf(request) !== wanted) throw new NearlightError('NL_OFFER_TYPE', `the content type must be ${wanted}`);
  return readText(request, bytesMax);
}

/** The body of a request for a connection. */
export interface AskedBody {
  /** The SDP offer; '' if there is none. */
  readonly sdp: string;
  /** The page's carry ticket, which was not looked at yet. */
  readonly carry?: string;
}

/**
 * Reads the body of a request for a connection, which is of the content type `wanted`, or brings a carry ticket (CARRY_TYPE).
 * @param wanted undefined for a request that has a body only if it brings a ticket
 * @throws NearlightError NL_OFFER_TYPE, NL_OFFER_TOO_LARGE, NL_REQUEST
 */
export async function readAsked(
  request: IncomingMessage,
  wanted: string | undefined,
  bytesMax: number,
): Promise<AskedBody> {
  if (typeOf(request) !== CARRY_TYPE)
    return { sdp: wanted === undefined ? '' : await readSdp(request, wanted, bytesMax) };
  // JSON may write each byte of the offer as two.
  const { sdp = '', carry } = parseObject(await readText(request, 2 * bytesMax + CARRY_LENGTH_MAX));
  if (typeof sdp !== 'string' || typeof carry !== 'string')
    throw new NearlightError('NL_REQUEST', 'sdp or carry is not a text');
  if (sdp.length > bytesMax) throw tooLarge(bytesMax);
  return { sdp, carry };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Refused below.
  }
  throw new NearlightError('NL_REQUEST', 'the body is not a JSON object');
}

function typeOf({ headers }: IncomingMessage): string | undefined {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
}

async function readText(request: IncomingMessage, bytesMax: number): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const chunks: Buffer[] = [];
  let bytes = 0;
  const whole = Promise.withResolvers<void>();
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) whole.reject(tooLarge(bytesMax));
    else chunks.push(chunk);
  });
  request.on('end', () => whole.resolve());
  request.on('close', () => whole.reject(new NearlightError('NL_REQUEST', 'the request ended early')));
  await whole.promise;
  return Buffer.concat(chunks).toString('latin1');
}

function tooLarge(bytesMax: number): NearlightError {
  return new NearlightError('NL_OFFER_TOO_LARGE', `the offer may have at most ${bytesMax} bytes`);
}
