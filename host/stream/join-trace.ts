import { HEADER_TRACE, QUERY_WATCH } from '../base/protocol.ts';
import { readTraceparent, type Span, type Tracer } from '../base/trace.ts';
import { codeOf, currentSpan, inSpan } from '../base/trace-context.ts';
import type { Call } from './http.ts';

/** The part of a join between the answer to the page and its first packets. */
const CONNECT = 'connect';

/** A request for a place: for a connection, for a turn in the queue, or for a ticket. */
export interface TracedRequest {
  tracer: Tracer;
  name: 'join' | 'queue' | 'ticket';
  call: Pick<Call, 'request' | 'url'>;
  /** The trace of a join that takes longer is kept. Waiting in the queue is not slow. */
  slowMs: number;
}

/**
 * Answers a request in a trace, which belongs to that of the page if the request names it (W3C Trace Context). The trace of a join
 * goes on until the page has connected; see traceConnecting.
 * @throws what `work` throws
 */
export async function traceJoin(
  { tracer, name, call: { request, url }, slowMs }: TracedRequest,
  work: () => Promise<void>,
): Promise<void> {
  const span = tracer.begin(name, {
    kind: 'server',
    parent: readTraceparent(request.headers[HEADER_TRACE]),
    attributes: { 'nearlight.watches': url.searchParams.has(QUERY_WATCH) },
    ...(name === 'queue' ? {} : { slowMs }),
  });
  try {
    await inSpan(span, work);
    if (name !== 'join') span.end();
  } catch (error) {
    span.fail(codeOf(error));
    span.end();
    throw error;
  }
}

/** Returns the end of the trace of a join: call it when the page has connected, or with the reason why it has not. */
export function traceConnecting(): (failure?: string) => void {
  const join: Span = currentSpan();
  const connecting = join.child(CONNECT);
  return (failure) => {
    if (failure !== undefined) {
      connecting.fail(failure);
      join.fail(failure);
    }
    connecting.end();
    join.end();
  };
}
