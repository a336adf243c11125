import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';

/** How many requests to compile a module the keeper accepts at a time. It refuses more. */
const WAITING_MAX = 64;
/**
 * How long a host process waits for the keeper to compile a module, time in the queue included. After that it compiles the
 * module itself.
 */
const ANSWER_MS_MAX = 150_000;

export interface CompileServiceOptions {
  socket: string;
  moduleBytesMax: number;
  /** Checks a module and returns its native code, if possible from the cache. @throws NearlightError */
  native(module: Uint8Array): Promise<Uint8Array>;
}

export interface CompileService {
  /** Number of requests that have sent their whole module and have not been answered. */
  readonly queued: number;
  close(): Promise<void>;
}

/**
 * Serves `POST /compile` on a unix socket that only our own user can open. The request is a module, the response its native
 * code. Status 422 with a code and a message means that the module is at fault, any other error status that the service is.
 * Modules are compiled one at a time, and each only once, however many hosts ask for it. The keeper writes the cache and never
 * runs a game, so no game can tamper with the cache.
 */
export async function serveCompiler(options: CompileServiceOptions): Promise<CompileService> {
  const { socket, moduleBytesMax } = options;
  const compile = oneAtATime(options.native);
  let waiting = 0;
  let queued = 0;
  const native: Native = (module) => {
    queued++;
    return compile(module).finally(() => queued--);
  };
  const server = createServer(async (incoming, response) => {
    if (incoming.method !== 'POST' || incoming.url !== '/compile')
      return refuse(response, { status: 404, code: 'NL_NOT_FOUND', message: 'use POST /compile' });
    if (waiting >= WAITING_MAX)
      return refuse(response, {
        status: 503,
        code: 'NL_COMPILE',
        message: `${waiting} modules are waiting for the compiler already`,
      });
    waiting++;
    await answer(incoming, response, moduleBytesMax, native).finally(() => waiting--);
  });
  // A keeper that died may have left its socket file.
  await rm(socket, { force: true });
  server.listen({ path: socket });
  await once(server, 'listening');
  await chmod(socket, 0o600);
  return {
    get queued() {
      return queued;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

type Native = CompileServiceOptions['native'];

/**
 * Returns a function that compiles one module at a time. Calls with the same module share one result while it is being made.
 */
function oneAtATime(native: Native): Native {
  const pending = new Map<string, Promise<Uint8Array>>();
  let last: Promise<unknown> = Promise.resolve();
  return (module) => {
    const digest = createHash('sha256').update(module).digest('hex');
    const found = pending.get(digest);
    if (found) return found;
    const result = last.then(() => native(module)).finally(() => pending.delete(digest));
    last = result.catch(() => {});
    pending.set(digest, result);
    return result;
  };
}

async function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  moduleBytesMax: number,
  native: Native,
): Promise<void> {
  try {
    const code = await native(await readBody(incoming, moduleBytesMax));
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': code.length }).end(code);
  } catch (error) {
    if (error instanceof NearlightError) refuse(response, { status: 422, code: error.code, message: error.detail });
    else refuse(response, { status: 500, code: 'NL_COMPILE', message: String(error) });
  }
}

interface Refusal {
  status: number;
  code: ErrorCode;
  message: string;
}

function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  // We read no more of the request's body, so the connection cannot be used again.
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ code, message }));
}

async function readBody(stream: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLong = () =>
    new NearlightError('NL_MODULE_LIMIT', `the module is larger than ${bytesMax} bytes (MODULE_BYTES_MAX)`);
  if (Number(stream.headers['content-length'] ?? 0) > bytesMax) throw tooLong();
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bytesMax) chunks.push(chunk);
    else chunks.length = 0;
  });
  await once(stream, 'end');
  if (bytes > bytesMax) throw tooLong();
  return Buffer.concat(chunks);
}

/**
 * Asks the keeper for the native code of a module.
 * @returns the code; undefined if no keeper answers, or if the keeper has a problem of its own
 * @throws NearlightError what is wrong with the module, according to the compiler
 */
export async function compileRemotely(socketPath: string, module: Uint8Array): Promise<Uint8Array | undefined> {
  let status: number | undefined;
  let body: Buffer;
  try {
    const outgoing = request({
      socketPath,
      path: '/compile',
      method: 'POST',
      headers: { 'content-length': module.length },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    outgoing.end(module);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    status = response.statusCode;
    body = Buffer.concat(await response.toArray());
  } catch {
    return undefined;
  }
  if (status === 200) return body;
  if (status !== 422) return undefined;
  const { code, message } = JSON.parse(body.toString()) as { code: ErrorCode; message: string };
  throw new NearlightError(Object.hasOwn(errors, code) ? code : 'NL_COMPILE', message);
}
