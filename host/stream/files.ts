import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A file of the player page. */
export interface PageFile {
  /** Content type, with its charset. */
  type: string;
  body: Buffer;
}

/** For every answer: nothing from elsewhere, framed by nobody, isolated so that the page has its finest clock. */
export const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

const tags = new WeakMap<Buffer, string>();

/** Answers GET and HEAD with a file; 304 where the page has it already (RFC 9110, 13.1.2). */
export function sendFile(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  const tag = tagOf(file.body);
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

function tagOf(body: Buffer): string {
  let tag = tags.get(body);
  if (!tag) {
    tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    tags.set(body, tag);
  }
  return tag;
}
