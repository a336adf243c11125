import type { IncomingMessage } from 'node:http';
import { NearlightError } from '../base/errors.ts';
import { answerJson, type Call, checkMethod } from './http.ts';

/** An address at the operators' port that changes something, or whose answer may not be a second old. */
export interface OperatorCall {
  readonly path: string;
  /** The permitted methods, as in "GET, PUT". */
  readonly methods: string;
  /** Size limit of a request's body. */
  readonly bodyBytesMax: number;
  /** Answers a request. The body is empty for methods without one. @throws NearlightError, which is sent to the operator */
  answer(request: { method: string; body: string }): object | Promise<object>;
}

/** Answers a request with the JSON that a call returns. @throws NearlightError */
export async function answerCall({ methods, bodyBytesMax, answer }: OperatorCall, call: Call): Promise<void> {
  checkMethod(call, methods);
  const { request, response } = call;
  const { method = '' } = request;
  const body = method === 'PUT' || method === 'POST' ? await readJsonBody(request, bodyBytesMax) : '';
  answerJson(response, 200, await answer({ method, body }));
}

/**
 * Reads a body. It must be declared as JSON: a page of another site cannot send that without the browser asking this server first, and
 * the server does not agree.
 */
async function readJsonBody(request: IncomingMessage, bytesMax: number): Promise<string> {
  const [type] = (request.headers['content-type'] ?? '').split(';', 1);
  if (type?.trim().toLowerCase() !== 'application/json')
    throw new NearlightError('NL_REQUEST', 'the content type must be application/json');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new NearlightError('NL_REQUEST', `the body may have at most ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
