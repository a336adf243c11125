import { createRequire } from 'node:module';
import { kernelPath } from './native.ts';

/** A message from the other side, with the descriptors that came with it and now belong to the receiver. */
export interface Message {
  bytes: Buffer;
  fds: readonly number[];
}

/** One end of a unix socket that carries messages together with file descriptors (message-socket.cc). */
export interface MessageSocket {
  /** Sends a message of at most 128 KiB. Returns false if the other side does not take it. The descriptors stay open here. */
  send(text: string, fds: readonly number[]): boolean;
  close(): void;
}

interface Addon {
  streamPair(): [number, number];
  sendDescriptor(socket: number, bytes: Uint8Array, fd: number): boolean;
  duplicate(fd: number): number;
  MessageSocket: new (fd: number, received: (bytes?: Buffer, fds?: number[]) => void) => MessageSocket;
}

export interface MessageEvents {
  received(message: Message): void;
  /** The other side has closed its end. */
  closed(): void;
}

/**
 * Takes over a connected socket of the type SOCK_SEQPACKET, or SOCK_STREAM, of which each message then is a part of at most 128
 * KiB. @throws Error if the addon cannot be loaded
 */
export function openMessageSocket(fd: number, { received, closed }: MessageEvents): MessageSocket {
  return new (addon().MessageSocket)(fd, (bytes, fds = []) =>
    bytes === undefined ? closed() : received({ bytes, fds }),
  );
}

/** Returns the descriptors of two connected sockets of the type SOCK_STREAM. @throws Error if the addon cannot be loaded */
export function streamPair(): [number, number] {
  return addon().streamPair();
}

/**
 * Sends some bytes together with a descriptor, which stays open here, over a unix socket of the type SOCK_STREAM. Returns false if
 * they do not all fit into the socket. @throws Error if the addon cannot be loaded
 */
export function sendDescriptor(socket: number, bytes: Uint8Array, fd: number): boolean {
  return addon().sendDescriptor(socket, bytes, fd);
}

/** Returns another descriptor of the same open file. @throws Error if the addon cannot be loaded, or no file is free */
export function duplicate(fd: number): number {
  return addon().duplicate(fd);
}

function addon(): Addon {
  return createRequire(import.meta.url)(kernelPath) as Addon;
}
