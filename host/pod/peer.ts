import type { Socket } from 'node:net';
import type { Kernel } from './kernel.ts';

/** Returns the descriptor of a socket, which Node has no public name for; undefined if the socket has closed. */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } | null };
  return handle && handle.fd >= 0 ? handle.fd : undefined;
}

/** Returns the id of the process at the other end of a unix socket; undefined if the socket has closed. */
export function peerOf(socket: Socket, kernel: Kernel): number | undefined {
  const fd = descriptorOf(socket);
  return fd === undefined ? undefined : kernel.peerProcess(fd);
}
