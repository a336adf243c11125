import type { Socket } from 'node:dgram';
import { isBindingRequest } from './stun.ts';
import { bind, openSocketTo, type UdpAddress } from './udp.ts';

const LOOPBACK = '127.0.0.1';
/** The lowest priority of a candidate. Other addresses of the page, which ICE learns from their packets, are preferred. */
const PRIORITY = 1;

/**
 * A socket of the relay that stands for the first address of a page, opened before that address is known. ICE gets it as a candidate of
 * the page and begins to check it at once. The check is kept until the first packet of the page arrives. Without that, ICE would send its
 * check 50 ms after that packet, and later still if further packets follow soon.
 */
export interface ReservedPath {
  readonly address: UdpAddress;
  /** Hands the socket over, with ICE's newest check; undefined if it is gone. The caller closes it. */
  take(): { socket: Socket; request: Buffer | undefined } | undefined;
  /** Closes the socket unless it was handed over. Idempotent. */
  close(): void;
}

/** Opens the socket. @throws Error if this process may open no further file */
export async function reservePath(): Promise<ReservedPath> {
  let socket: Socket | undefined = openSocketTo(LOOPBACK);
  let request: Buffer | undefined;
  const keep = (packet: Buffer): void => {
    if (isBindingRequest(packet)) request = packet;
  };
  socket.on('message', keep);
  socket.on('error', () => {});
  const reserved: ReservedPath = {
    get address() {
      return { address: LOOPBACK, port: socket?.address().port ?? 0 };
    },
    take() {
      const taken = socket && { socket, request };
      socket?.off('message', keep);
      socket?.removeAllListeners('error');
      socket = undefined;
      return taken;
    },
    close() {
      socket?.close();
      socket = undefined;
    },
  };
  try {
    await bind(socket, { address: LOOPBACK, port: 0 });
    return reserved;
  } catch (error) {
    reserved.close();
    throw error;
  }
}

/** Adds the address of the socket to an SDP offer, as the page's only candidate. It follows the ICE credentials of the first section. */
export function withReserved(sdp: string, { address: { address, port } }: ReservedPath): string {
  const line = `a=candidate:nearlight 1 UDP ${PRIORITY} ${address} ${port} typ host\r\n`;
  return sdp.replace(/^a=ice-pwd:.*\r\n/m, (found) => found + line);
}
