import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { NearlightError } from '../base/errors.ts';

/** Size of the kernel's socket buffers. A keyframe arrives as one burst. The kernel may grant less. */
const SOCKET_BYTES = 4 * 2 ** 20;

/** An IP address and a UDP port. */
export interface UdpAddress {
  address: string;
  port: number;
}

/**
 * Opens the UDP socket that pages send to, at an address and port of this machine. The address `::` or `0.0.0.0` stands for
 * all; port 0 takes any free one.
 * @throws NearlightError NL_PORT_IN_USE
 */
export async function openPlayerSocket({ address, port }: UdpAddress): Promise<Socket> {
  const socket = openSocketTo(address);
  try {
    await bind(socket, { address, port });
    return socket;
  } catch (cause) {
    socket.close();
    const advice = 'stop the program that uses it, or choose another port with ICE_PORT (ICE_PORT=0 takes a free one)';
    const { code } = cause as NodeJS.ErrnoException;
    throw new NearlightError('NL_PORT_IN_USE', `UDP port ${port} cannot be bound (${code}); ${advice}`, { cause });
  }
}

/**
 * Opens the UDP socket that pages send to at a port of a range, in the network namespace of the calling thread.
 * @throws NearlightError NL_PORT_IN_USE if no port of the range is free
 */
export async function openRelaySocket(options: { address: string; first: number; last: number }): Promise<Socket> {
  const { address, first, last } = options;
  const count = last - first + 1;
  const begin = Math.floor(Math.random() * count);
  for (let tried = 0; tried < count; tried++) {
    const socket = openSocketTo(address);
    try {
      await bind(socket, { port: first + ((begin + tried) % count) });
      return socket;
    } catch (error) {
      socket.close();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new NearlightError('NL_PORT_IN_USE', `no UDP port from ${first} to ${last} is free; widen NODE_UDP_PORTS`);
}

/** Binds a socket to an address or a port of this machine. @throws Error of the system */
export async function bind(socket: Socket, to: { address?: string; port: number }): Promise<void> {
  // The listener is added before `bind`, which emits 'listening' before it returns if no name has to be looked up.
  const listening = once(socket, 'listening');
  socket.bind({ ...to, exclusive: true });
  await listening;
  enlargeBuffers(socket);
}

/**
 * Opens a UDP socket of an address's family that takes every host name as an IP address, without a look-up. Node would otherwise look up the address
 * of each packet, which delays the packet by a turn of the event loop.
 */
export function openSocketTo(address: string): Socket {
  const type = isIPv6(address) ? 'udp6' : 'udp4';
  const lookup = (name: string, _options: unknown, found: (error: null, address: string, family: number) => void) =>
    found(null, name, type === 'udp6' ? 6 : 4);
  return createSocket({ type, lookup });
}

export function enlargeBuffers(socket: Socket): void {
  socket.setRecvBufferSize(SOCKET_BYTES);
  socket.setSendBufferSize(SOCKET_BYTES);
}
