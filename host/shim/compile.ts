import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type ErrorCode, errors, NearlightError } from '../errors.ts';

/** Modules that may wait for the compiler at once. */
const WAITING_MAX = 64;

export interface CompileServiceOptions {
  socket: string;
  moduleBytesMax: number;
  /** Checks a module and gives its native code, from the cache where it is there. @throws NearlightError */
  native(module: Uint8Array): Promise<Uint8Array>;
}

export interface CompileService {
  close(): Promise<void>;
}

/**
 * Serves `POST /compile` on a unix socket: the body is a module, the answer its native code, which the cache then holds. Games never
 * run in this process, so what it writes is out of their reach.
 */
export async function serveCompiler(options: CompileServiceOptions): Promise<CompileService> {
  let waiting = 0;
  const server = createServer((incoming, response) => {
    if (incoming.method !== 'POST' || incoming.url !== '/compile')
      return refuse(response, 404, 'NL_NOT_FOUND', 'POST /compile');
    if (waiting >= WAITING_MAX)
      return refuse(response, 503, 'NL_COMPILE', `${waiting} modules wait for the compiler already`);
    waiting++;
    answer(options, incoming, response).finally(() => waiting--);
  });
  server.listen({ path: options.socket });
  await once(server, 'listening');
  return {
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  options: CompileServiceOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const module = await readBody(incoming, options.moduleBytesMax);
    const code = await options.native(module);
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': code.length }).end(code);
  } catch (error) {
    const known = error instanceof NearlightError ? error : new NearlightError('NL_COMPILE', String(error));
    refuse(response, 422, known.code, known.detail);
  }
}

function refuse(response: ServerResponse, status: number, code: ErrorCode, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }));
}

async function readBody(stream: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new NearlightError('NL_MODULE_LIMIT', `more than ${bytesMax} bytes (MODULE_BYTES_MAX)`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Asks the keeper for a module's native code.
 * @returns the code, or undefined where no keeper answers
 * @throws NearlightError what the compiler said of the module
 */
export async function compileRemotely(socketPath: string, module: Uint8Array): Promise<Uint8Array | undefined> {
  const outgoing = request({
    socketPath,
    path: '/compile',
    method: 'POST',
    headers: { 'content-length': module.length },
  });
  outgoing.end(module);
  let response: IncomingMessage;
  try {
    [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  } catch {
    return undefined;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (response.statusCode === 200) return body;
  const { code, message } = JSON.parse(body.toString()) as { code: ErrorCode; message: string };
  throw new NearlightError(code in errors ? code : 'NL_COMPILE', message);
}
