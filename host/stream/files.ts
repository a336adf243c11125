import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Config, readPeers } from '../base/config.ts';

/** A file of the player's page, as the server sends it. */
export interface PageFile {
  /** Content type, with its charset. */
  type: string;
  body: Buffer;
  /** Whether pages of the sites in ALLOWED_ORIGINS may load the file. */
  isShared?: boolean;
}

/**
 * HTTP headers of every response. The page may load nothing from other sites, and no other site may frame it. The browser
 * isolates it from other sites, and gives an isolated page its most precise clock.
 */
export const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Returns these headers for a host whose players may move to others, to which its page then connects. */
export function headersFor({ movePeers }: Pick<Config, 'movePeers'>): Readonly<Record<string, string>> {
  const origins = (readPeers(movePeers) ?? []).map(({ pages }) => new URL(pages).origin);
  if (origins.length === 0) return SECURITY_HEADERS;
  const sources = origins.flatMap((origin) => [origin, origin.replace(/^http/, 'ws')]);
  const policy = `${SECURITY_HEADERS['content-security-policy']}; connect-src 'self' ${sources.join(' ')}`;
  return { ...SECURITY_HEADERS, 'content-security-policy': policy };
}

const entityTags = new WeakMap<Buffer, string>();

/** Answers GET or HEAD with a file, or with 304 if the browser's copy is current (RFC 9110, 13.1.2). */
export function sendFile(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  const tag = entityTagOf(file.body);
  const headers = { etag: tag, 'cache-control': 'no-cache' };
  const known = request.headers['if-none-match']?.split(',').map((value) => value.trim().replace(/^W\//, ''));
  if (known?.includes(tag)) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, {
    ...headers,
    'content-type': file.type,
    'content-length': file.body.length,
  });
  response.end(request.method === 'HEAD' ? undefined : file.body);
}

function entityTagOf(body: Buffer): string {
  let tag = entityTags.get(body);
  if (!tag) {
    tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    entityTags.set(body, tag);
  }
  return tag;
}
