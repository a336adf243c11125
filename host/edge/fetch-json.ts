import { writeTraceparent } from '../base/trace.ts';
import { currentSpan } from '../base/trace-context.ts';

/** Content of a request for a JSON object, and the bounds of its answer. */
export interface FetchJsonOptions {
  bytesMax: number;
  /** Ends the request. */
  signal: AbortSignal;
  /** Is sent as JSON with POST; without it, the request is a GET. */
  body?: object;
  /** Takes the place of fetch(), for example to suffer faults. */
  fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Asks a server for a JSON object. It follows no redirect, because the operator has named the server.
 * @throws Error saying why there is none: the signal has ended it, another status than 200, too many bytes, or no JSON object
 */
export async function fetchJson(
  url: string,
  { bytesMax, signal, body, fetch = globalThis.fetch }: FetchJsonOptions,
): Promise<object> {
  const { ids } = currentSpan();
  const response = await fetch(url, {
    redirect: 'error',
    signal,
    headers: {
      ...(ids ? { traceparent: writeTraceparent(ids) } : {}),
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered with HTTP status ${response.status}`);
  }
  const value: unknown = JSON.parse(await readText(url, response, bytesMax));
  if (typeof value !== 'object' || value === null) throw new Error(`${url} did not answer with a JSON object`);
  return value;
}

async function readText(url: string, response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`${url} answered with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
