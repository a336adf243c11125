import type { Socket } from 'node:net';

/** ICE over TCP (RFC 6544) sends each packet after its length, an unsigned 16-bit number (RFC 4571, 2). */
const LENGTH_BYTES = 2;
/** Longest packet that a page may send. Browsers send none that exceeds the MTU of Ethernet. */
const PACKET_BYTES_MAX = 2048;
/**
 * With this many bytes queued for sending, further packets are dropped. TCP would otherwise delay all later pictures behind
 * them. WebRTC sends a dropped packet again if it matters.
 */
const QUEUE_BYTES_MAX = 65_536;

/** Tells by its first byte whether a TCP connection carries packets of ICE. A request of HTTP begins with a letter. */
export function isIceFrame(first: number): boolean {
  return first <= PACKET_BYTES_MAX >> 8;
}

/** Splits the bytes of a TCP connection into packets. */
export class FrameReader {
  readonly #onPacket: (packet: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  /** @param onPacket takes each packet, which is a view of the bytes read */
  constructor(onPacket: (packet: Buffer) => void) {
    this.#onPacket = onPacket;
  }

  /** Takes the next bytes. @returns false if they announce a packet that is too long; the connection is useless then */
  read(bytes: Buffer): boolean {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    let at = 0;
    while (at + LENGTH_BYTES <= all.length) {
      const start = at + LENGTH_BYTES;
      const end = start + all.readUInt16BE(at);
      if (end - start > PACKET_BYTES_MAX) return false;
      if (end > all.length) break;
      this.#onPacket(all.subarray(start, end));
      at = end;
    }
    this.#rest = Buffer.from(all.subarray(at));
    return true;
  }
}

/** Sends a packet over TCP. @returns false if too many bytes wait to be sent, so that the packet is dropped */
export function sendFramed(socket: Socket, packet: Buffer): boolean {
  if (socket.destroyed || socket.writableLength > QUEUE_BYTES_MAX) return false;
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt16BE(packet.length);
  socket.cork();
  socket.write(length);
  socket.write(packet);
  socket.uncork();
  return true;
}
