import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';

/** Modules that may wait for the compiler at once. */
const WAITING_MAX = 64;
/** For the whole of an answer, with a queue before it; then the asker helps itself. */
const ANSWER_MS_MAX = 150_000;

export interface CompileServiceOptions {
  socket: string;
  moduleBytesMax: number;
  /** Checks a module and gives its native code, from the cache where it is there. @throws NearlightError */
  native(module: Uint8Array): Promise<Uint8Array>;
}

export interface CompileService {
  /** Requests that are not answered yet. */
  readonly waiting: number;
  close(): Promise<void>;
}

/**
 * Serves `POST /compile` on a unix socket that is its user's alone: the body is a module, the answer its native code, which the
 * cache then holds where there is room. 422 with a code and a message: the module's fault; any other status: the service's.
 * Modules are compiled one after another, each once however many ask for it. Games never run in this process, so that what it
 * writes is out of their reach.
 */
export async function serveCompiler(options: CompileServiceOptions): Promise<CompileService> {
  const { socket, moduleBytesMax } = options;
  const native = oneAtATime(options.native);
  let waiting = 0;
  const server = createServer(async (incoming, response) => {
    if (incoming.method !== 'POST' || incoming.url !== '/compile')
      return refuse(response, 404, 'NL_NOT_FOUND', 'there is POST /compile');
    if (waiting >= WAITING_MAX)
      return refuse(response, 503, 'NL_COMPILE', `${waiting} modules wait for the compiler already`);
    waiting++;
    await answer(incoming, response, moduleBytesMax, native).finally(() => waiting--);
  });
  // Whatever a keeper that died has left.
  await rm(socket, { force: true });
  server.listen({ path: socket });
  await once(server, 'listening');
  await chmod(socket, 0o600);
  return {
    get waiting() {
      return waiting;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

type Native = CompileServiceOptions['native'];

function oneAtATime(native: Native): Native {
  const asked = new Map<string, Promise<Uint8Array>>();
  let last: Promise<unknown> = Promise.resolve();
  return (module) => {
    const digest = createHash('sha256').update(module).digest('hex');
    const found = asked.get(digest);
    if (found) return found;
    const made = last.then(() => native(module)).finally(() => asked.delete(digest));
    last = made.catch(() => {});
    asked.set(digest, made);
    return made;
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
    if (error instanceof NearlightError) refuse(response, 422, error.code, error.detail);
    else refuse(response, 500, 'NL_COMPILE', String(error));
  }
}

function refuse(response: ServerResponse, status: number, code: ErrorCode, message: string): void {
  // A body that nobody reads any more must not keep the connection.
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ code, message }));
}

async function readBody(stream: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLong = () => new NearlightError('NL_MODULE_LIMIT', `it has more than ${bytesMax} bytes (MODULE_BYTES_MAX)`);
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
 * Asks the keeper for a module's native code.
 * @returns the code, or undefined where no keeper answers, or none that can
 * @throws NearlightError what the compiler said of the module
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
