import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { NearlightError } from '../base/errors.ts';
import type { Milli } from '../base/time.ts';
import { isBindingRequest, isBindingSuccess, isWebRtc, recipientOf, TRANSACTION_BYTES, transactionOf } from './stun.ts';

/** A page tries each of its own addresses. The relay serves at most this many of them for one connection. */
const PATHS_PER_CONNECTION_MAX = 8;
/** The most packets per second that a page may send. Its input and its receipts for video packets need fewer. */
const PACKETS_PER_SECOND_MAX = 5000;
/**
 * Until an address has proved that it receives packets, the relay sends it at most this many times the bytes that came
 * from it. Otherwise an attacker could use the relay to flood a forged address (RFC 9000, 8.1, has the same rule).
 */
const UNVERIFIED_FACTOR = 3;
/** Number of packets from one page address that are kept while the relay opens a socket for the address. */
const PENDING_MAX = 4;
/** When a socket has this many bytes queued for sending, further packets are dropped. */
const QUEUE_BYTES_MAX = 2 ** 20;
/** Size of the kernel's socket buffers. A keyframe arrives as one burst. The kernel may grant less. */
const SOCKET_BYTES = 4 * 2 ** 20;

export interface RelayOptions {
  /** The UDP socket that pages send to (openRelaySocket). It may belong to another network namespace. The relay closes it. */
  socket: Socket;
  /** The IP address at which pages reach the relay, offered to them as an ICE candidate. The port is that of `socket`. */
  address: string;
  /** The address at which this process's ICE receives packets. */
  target: { address: string; port: number };
  /** Largest number of page addresses that the relay serves at the same time. */
  pathsMax: number;
  /** A page address is forgotten after this much silence. */
  idleMs: number;
  /** The clock for packet rates and silence. Default: the process's own. */
  clock?: Pick<Clock, 'now'>;
}

/** Relays WebRTC packets for pages that cannot reach this process's own addresses. */
export interface Relay {
  readonly address: string;
  readonly port: number;
  readonly stats: Readonly<RelayStats>;
  /** Accepts packets from pages whose connection has this ICE user fragment. Packets from others are dropped. */
  admit(ufrag: string): void;
  /** Stops accepting packets for a connection that was admitted. */
  dismiss(ufrag: string): void;
  close(): void;
}

export interface RelayStats {
  /** Number of page addresses that the relay serves now. */
  paths: number;
  packetsIn: number;
  packetsOut: number;
  packetsDropped: number;
}

/**
 * Opens the UDP socket that pages send to, in the network namespace of the calling thread.
 * @throws NearlightError NL_PORT_IN_USE if no port of the range is free
 */
export async function openRelaySocket(options: { address: string; first: number; last: number }): Promise<Socket> {
  const { address, first, last } = options;
  const count = last - first + 1;
  const begin = Math.floor(Math.random() * count);
  for (let tried = 0; tried < count; tried++) {
    const socket = openSocket(isIPv6(address) ? 'udp6' : 'udp4');
    try {
      // The listener is added before `bind`, which emits 'listening' before it returns if no name has to be looked up.
      const listening = once(socket, 'listening');
      socket.bind({ port: first + ((begin + tried) % count), exclusive: true });
      await listening;
      enlargeBuffers(socket);
      return socket;
    } catch (error) {
      socket.close();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new NearlightError('NL_PORT_IN_USE', `no UDP port from ${first} to ${last} is free; widen NODE_UDP_PORTS`);
}

/** Opens a relay between pages and this process's ICE. Each page address gets its own socket, so that ICE tells them apart. */
export function openRelay(options: RelayOptions): Relay {
  return new UdpRelay(options);
}

/** One page address that the relay serves, with the local socket that stands for it towards ICE. */
interface Path {
  readonly key: string;
  readonly ufrag: string;
  readonly address: string;
  readonly port: number;
  readonly socket: Socket;
  /** The page's packets that wait until the socket is connected; undefined from then on. */
  pending: Buffer[] | undefined;
  lastHeardAt: Milli;
  /** Number of packets that the page may send now. */
  allowance: number;
  /** Whether the page answered a STUN request that was sent to this address, which proves that the address is its own. */
  verified: boolean;
  /** Number of bytes that the relay may still send to the page's address while the address is not verified. */
  creditBytes: number;
  /** Transaction id of the newest STUN request that was sent to the page's address. */
  readonly transaction: Buffer;
}

class UdpRelay implements Relay {
  readonly address: string;
  readonly port: number;
  readonly stats: RelayStats = { paths: 0, packetsIn: 0, packetsOut: 0, packetsDropped: 0 };
  readonly #options: RelayOptions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #paths = new Map<string, Path>();
  /** The ICE user fragments (RFC 8445) of pages that may connect, each with the addresses that the relay serves for it. */
  readonly #admitted = new Map<string, Set<Path>>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: RelayOptions) {
    const { socket, address, idleMs } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.address = address;
    this.port = socket.address().port;
    socket.on('message', (packet, from) => this.#fromPage(packet, from));
    // A page's network may refuse a packet. ICE notices if that lasts.
    socket.on('error', () => {});
    this.#sweep = setInterval(() => this.#forgetSilent(), idleMs / 4).unref();
  }

  admit(ufrag: string): void {
    this.#admitted.set(ufrag, new Set());
  }

  dismiss(ufrag: string): void {
    for (const path of this.#admitted.get(ufrag) ?? []) this.#forget(path);
    this.#admitted.delete(ufrag);
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const path of this.#paths.values()) this.#forget(path);
    this.#options.socket.close();
  }

  #fromPage(packet: Buffer, from: RemoteInfo): void {
    const now = this.#clock.now();
    const key = `${from.address} ${from.port}`;
    const path = this.#paths.get(key) ?? this.#open(packet, from, { key, now });
    if (!path || !isWebRtc(packet) || !takeAllowance(path, now)) {
      this.stats.packetsDropped++;
      return;
    }
    if (!path.verified) {
      path.creditBytes += UNVERIFIED_FACTOR * packet.length;
      path.verified = isBindingSuccess(packet) && transactionOf(packet).equals(path.transaction);
    }
    if (!path.pending) this.#send(path.socket, packet);
    else if (path.pending.length < PENDING_MAX) path.pending.push(packet);
    this.stats.packetsIn++;
  }

  #fromIce(packet: Buffer, path: Path): void {
    if (!path.verified) {
      path.creditBytes -= packet.length;
      if (path.creditBytes < 0) {
        path.creditBytes = 0;
        this.stats.packetsDropped++;
        return;
      }
      if (isBindingRequest(packet)) transactionOf(packet).copy(path.transaction);
    }
    if (this.#send(this.#options.socket, packet, path)) this.stats.packetsOut++;
  }

  #send(socket: Socket, packet: Buffer, to?: Path): boolean {
    if (socket.getSendQueueSize() > QUEUE_BYTES_MAX) {
      this.stats.packetsDropped++;
      return false;
    }
    if (to) socket.send(packet, to.port, to.address);
    else socket.send(packet);
    return true;
  }

  /** Starts to serve a page's address if its packet is a STUN binding request for an admitted connection. */
  #open(packet: Buffer, from: RemoteInfo, { key, now }: { key: string; now: Milli }): Path | undefined {
    if (!isBindingRequest(packet)) return undefined;
    const ufrag = recipientOf(packet);
    const siblings = ufrag === undefined ? undefined : this.#admitted.get(ufrag);
    if (ufrag === undefined || !siblings) return undefined;
    if (siblings.size >= PATHS_PER_CONNECTION_MAX)
      this.#forget([...siblings].reduce((a, b) => (a.lastHeardAt <= b.lastHeardAt ? a : b)));
    if (this.#paths.size >= this.#options.pathsMax) return undefined;
    const { target } = this.#options;
    const path: Path = {
      key,
      ufrag,
      address: from.address,
      port: from.port,
      socket: openSocket(isIPv6(target.address) ? 'udp6' : 'udp4'),
      pending: [],
      lastHeardAt: now,
      allowance: PACKETS_PER_SECOND_MAX,
      verified: false,
      creditBytes: 0,
      transaction: Buffer.alloc(TRANSACTION_BYTES),
    };
    const { socket } = path;
    socket.on('message', (answer) => this.#fromIce(answer, path));
    // A send fails while ICE is not listening. The page sends again, so the error needs no handling.
    socket.on('error', () => {});
    socket.once('connect', () => {
      if (this.#paths.get(key) !== path) return;
      enlargeBuffers(socket);
      for (const waiting of path.pending ?? []) this.#send(socket, waiting);
      path.pending = undefined;
    });
    socket.connect(target.port, target.address);
    this.#paths.set(key, path);
    siblings.add(path);
    this.stats.paths++;
    return path;
  }

  #forgetSilent(): void {
    const since = this.#clock.now() - this.#options.idleMs;
    for (const path of this.#paths.values()) if (path.lastHeardAt < since) this.#forget(path);
  }

  #forget(path: Path): void {
    this.#paths.delete(path.key);
    this.#admitted.get(path.ufrag)?.delete(path);
    path.socket.close();
    this.stats.paths--;
  }
}

/** Counts one packet against the page's rate limit. @returns false if the page has sent too many packets */
function takeAllowance(path: Path, now: Milli): boolean {
  const earned = ((now - path.lastHeardAt) / 1000) * PACKETS_PER_SECOND_MAX;
  path.allowance = Math.min(PACKETS_PER_SECOND_MAX, path.allowance + earned);
  path.lastHeardAt = now;
  if (path.allowance < 1) return false;
  path.allowance--;
  return true;
}

/**
 * Opens a UDP socket that takes every host name as an IP address, without a look-up. Node would otherwise look up the address
 * of each packet, which delays the packet by a turn of the event loop.
 */
function openSocket(type: 'udp4' | 'udp6'): Socket {
  const lookup = (address: string, _options: unknown, found: (error: null, address: string, family: number) => void) =>
    found(null, address, type === 'udp6' ? 6 : 4);
  return createSocket({ type, lookup });
}

function enlargeBuffers(socket: Socket): void {
  socket.setRecvBufferSize(SOCKET_BYTES);
  socket.setSendBufferSize(SOCKET_BYTES);
}
