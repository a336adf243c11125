import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, NearlightError } from '../../base/errors.ts';
import type { EdgeStore } from '../store/store.ts';
import { parseEvents } from './event.ts';

/** Size limit of a request. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** A sender that finds the store unable to take events tries again after this. */
const RETRY_SECONDS = 1;

/**
 * Makes a handler of HTTP requests that keeps CloudEvents in the inbox. It answers when they are on the disk, and an event that
 * arrives again changes nothing. Together with a sender that repeats what was not answered, each event is kept exactly once.
 */
export function createReceiver(
  store: Pick<EdgeStore, 'acceptEvents'>,
  now: () => number = Date.now,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    try {
      if (request.method !== 'POST') throw new NearlightError('NL_METHOD', 'POST');
      const events = parseEvents(request.headers['content-type'], await readBody(request));
      await store.acceptEvents({ events, receivedAt: now() });
      response.writeHead(204).end();
    } catch (error) {
      answer(request, response, error);
    }
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) throw new NearlightError('NL_EVENT_SIZE', `at most ${BODY_BYTES_MAX} bytes fit`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function answer(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const { status, message } = statusOf(error);
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    ...(status === errors.NL_STORE_FULL.http ? { 'retry-after': String(RETRY_SECONDS) } : {}),
    // The rest of a body that is too large is not read.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(`${message}\n`);
}

function statusOf(error: unknown): { status: number; message: string } {
  if (!(error instanceof NearlightError)) return { status: 400, message: 'the request cannot be read' };
  const entry: { text: string; http?: number } = errors[error.code];
  return { status: entry.http ?? errors.NL_STORE_FULL.http, message: error.message };
}
