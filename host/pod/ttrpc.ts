import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { decode, encode } from './proto.ts';
import { CODES, TaskError } from './tasks.ts';

/** Length, stream and type of a message, then flags (ttrpc PROTOCOL.md, "Frames"). */
const HEADER_BYTES = 10;
/** ttrpc's own bound on a message. */
export const MESSAGE_BYTES_MAX = 4 * 2 ** 20;
const REQUEST = 1;
const RESPONSE = 2;

/** Takes a method's encoded request and gives its encoded response. @throws TaskError */
export type Method = (payload: Uint8Array) => Promise<Uint8Array>;
/** Methods by name, by the full name of their service. */
export type Services = Readonly<Record<string, Readonly<Record<string, Method>>>>;

interface Frame {
  stream: number;
  type: number;
  body: Buffer;
}

function frame(stream: number, type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.writeUInt32BE(stream, 4);
  bytes[8] = type;
  bytes[9] = 0;
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** Cuts a byte stream into frames; a frame that is too long ends the connection, as nothing after it can be found. */
function onFrames(socket: Socket, take: (frame: Frame) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES) {
      const length = rest.readUInt32BE(0);
      if (length > MESSAGE_BYTES_MAX) {
        socket.destroy();
        return;
      }
      if (rest.length < HEADER_BYTES + length) return;
      const body = rest.subarray(HEADER_BYTES, HEADER_BYTES + length);
      take({ stream: rest.readUInt32BE(4), type: rest[8]!, body });
      rest = rest.subarray(HEADER_BYTES + length);
    }
  });
  // A connection that breaks is its peer's matter.
  socket.on('error', () => socket.destroy());
}

export interface TtrpcServer {
  /** Closes the socket and every connection. */
  close(): Promise<void>;
}

/** Serves ttrpc on a unix socket; resolves when it listens. @throws the error of listen(), such as EADDRINUSE */
export async function serve(path: string, services: Services): Promise<TtrpcServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    onFrames(socket, ({ stream, type, body }) => {
      if (type !== REQUEST) return;
      void answer(services, body).then((response) => {
        if (!socket.destroyed) socket.write(frame(stream, RESPONSE, response));
      });
    });
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(services: Services, body: Uint8Array): Promise<Uint8Array> {
  try {
    const { service, method, payload } = decode('Request', body);
    const methods = Object.hasOwn(services, service) ? services[service]! : {};
    const call = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (!call) throw new TaskError('unimplemented', `${service}/${method} is not offered`);
    const result = await call(payload);
    if (result.length > MESSAGE_BYTES_MAX - 64) throw new TaskError('internal', 'the response is too long for ttrpc');
    return encode('Response', { payload: result });
  } catch (error) {
    const code = error instanceof TaskError ? error.code : CODES.internal;
    const message = error instanceof Error ? error.message : String(error);
    return encode('Response', { status: { code, message } });
  }
}

/** A client of one ttrpc server. */
export interface TtrpcClient {
  /** @throws TaskError with the server's status, or unavailable when the connection ends first */
  call(service: string, method: string, payload: Uint8Array): Promise<Uint8Array>;
  readonly closed: Promise<void>;
  close(): void;
}

/** Connects to a unix socket. @throws the error of connect(), such as ENOENT */
export async function dial(path: string): Promise<TtrpcClient> {
  const socket = connect(path);
  await once(socket, 'connect');
  const waiting = new Map<number, PromiseWithResolvers<Uint8Array>>();
  let stream = 1;
  onFrames(socket, ({ stream: id, type, body }) => {
    const call = type === RESPONSE ? waiting.get(id) : undefined;
    if (!call) return;
    waiting.delete(id);
    try {
      const { status, payload } = decode('Response', body);
      if (status?.code) call.reject(new TaskError(status.code, status.message));
      else call.resolve(payload);
    } catch (error) {
      call.reject(error);
    }
  });
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      for (const call of waiting.values()) call.reject(new TaskError('unavailable', `${path}: the connection ended`));
      waiting.clear();
      resolve();
    });
  });
  return {
    closed,
    close: () => socket.destroy(),
    call(service, method, payload) {
      if (socket.destroyed) return Promise.reject(new TaskError('unavailable', `${path}: the connection has ended`));
      const call = Promise.withResolvers<Uint8Array>();
      waiting.set(stream, call);
      socket.write(frame(stream, REQUEST, encode('Request', { service, method, payload })));
      // Clients use odd numbers (PROTOCOL.md, "Streams").
      stream += 2;
      return call.promise;
    },
  };
}
