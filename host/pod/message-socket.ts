import { createRequire } from 'node:module';
import { kernelPath } from './native.ts';

/** A message from the other side, with the descriptors that came with it and now belong to the receiver. */
export interface Message {
  text: string;
  fds: readonly number[];
}

/** One end of a unix socket that carries messages together with file descriptors (message-socket.cc). */
export interface MessageSocket {
  /** Sends a message of at most 128 KiB. Returns false if the other side does not take it. The descriptors stay open here. */
  send(text: string, fds: readonly number[]): boolean;
  close(): void;
}

interface Addon {
  MessageSocket: new (fd: number, received: (text?: string, fds?: number[]) => void) => MessageSocket;
}

export interface MessageEvents {
  received(message: Message): void;
  /** The other side has closed its end. */
  closed(): void;
}

/** Takes over a connected socket of the type SOCK_SEQPACKET. @throws Error if the addon cannot be loaded */
export function openMessageSocket(fd: number, { received, closed }: MessageEvents): MessageSocket {
  const addon = createRequire(import.meta.url)(kernelPath) as Addon;
  return new addon.MessageSocket(fd, (text, fds = []) => (text === undefined ? closed() : received({ text, fds })));
}
