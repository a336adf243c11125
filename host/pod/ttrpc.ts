import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { textOf } from '../base/errors.ts';
import { decode, encode } from './proto.ts';
import { CODES, TaskError } from './tasks.ts';

/** A ttrpc frame starts with the length of its body, its stream, its type and its flags (ttrpc PROTOCOL.md, "Frames"). */
const HEADER_BYTES = 10;
const TYPE_AT = 8;
const FLAGS_AT = 9;
/** The largest message that ttrpc allows, in bytes. */
export const MESSAGE_BYTES_MAX = 4 * 2 ** 20;
/** Most bytes that a ttrpc response takes beside its payload. */
const ENVELOPE_BYTES_MAX = 64;
const REQUEST = 1;
const RESPONSE = 2;

/** Implements a ttrpc method: takes the encoded request and returns the encoded response. @throws TaskError */
export type Method = (payload: Uint8Array) => Promise<Uint8Array>;
/** The ttrpc methods of each service, by the service's full name. */
export type Services = Readonly<Record<string, Readonly<Record<string, Method>>>>;

interface Frame {
  stream: number;
  type: number;
  body: Buffer;
}

function encodeFrame(stream: number, type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.writeUInt32BE(stream, 4);
  bytes[TYPE_AT] = type;
  bytes[FLAGS_AT] = 0;
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/**
 * Splits the bytes from a socket into ttrpc frames. A frame that is too long closes the socket, because the next frame cannot
 * be found.
 */
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
      take({ stream: rest.readUInt32BE(4), type: rest.readUInt8(TYPE_AT), body });
      rest = rest.subarray(HEADER_BYTES + length);
    }
  });
  // Ignore the error itself: closing the socket makes the client's pending calls fail.
  socket.on('error', () => socket.destroy());
}

export interface TtrpcServer {
  /** Closes the server's socket and every connection. */
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
        if (!socket.destroyed) socket.write(encodeFrame(stream, RESPONSE, response));
      });
    });
  });
  server.listen(path);
  await once(server, 'listening');
  // A connection that cannot be accepted, for lack of files, is lost; containerd dials again.
  server.on('error', () => {});
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
    const methods = ownProperty(services, service);
    const call = methods && ownProperty(methods, method);
    if (!call) throw new TaskError('unimplemented', `${service}/${method} does not exist`);
    const result = await call(payload);
    if (result.length > MESSAGE_BYTES_MAX - ENVELOPE_BYTES_MAX)
      throw new TaskError('internal', 'the response is too long for ttrpc');
    return encode('Response', { payload: result });
  } catch (error) {
    const code = error instanceof TaskError ? error.code : CODES.internal;
    const message = textOf(error);
    return encode('Response', { status: { code, message } });
  }
}

/** Returns a record's own property, never an inherited one: a peer may ask for a name such as `constructor`. */
function ownProperty<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** A client of one ttrpc server. */
export interface TtrpcClient {
  readonly socket: Socket;
  /** @throws TaskError with the server's status, or `unavailable` if the connection ends before the response */
  call(service: string, method: string, payload: Uint8Array): Promise<Uint8Array>;
  readonly closed: Promise<void>;
  close(): void;
}

/** Connects to a unix socket. @throws the error of connect(), such as ENOENT */
export async function dial(path: string): Promise<TtrpcClient> {
  const socket = connect(path);
  await once(socket, 'connect');
  return clientOver(socket);
}

/** Returns a client over a connected socket. */
export function clientOver(socket: Socket): TtrpcClient {
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
      for (const call of waiting.values()) call.reject(new TaskError('unavailable', 'the connection ended'));
      waiting.clear();
      resolve();
    });
  });
  return {
    socket,
    closed,
    close: () => socket.destroy(),
    call(service, method, payload) {
      if (socket.destroyed) return Promise.reject(new TaskError('unavailable', 'the connection has ended'));
      const call = Promise.withResolvers<Uint8Array>();
      waiting.set(stream, call);
      socket.write(encodeFrame(stream, REQUEST, encode('Request', { service, method, payload })));
      // Clients use odd stream ids (PROTOCOL.md, "Streams").
      stream += 2;
      return call.promise;
    },
  };
}
