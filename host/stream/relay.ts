import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { NearlightError } from '../base/errors.ts';
import { isBindingRequest, isBindingSuccess, isWebRtc, recipientOf, TRANSACTION_BYTES, transactionOf } from './stun.ts';

/** Addresses from which one connection's page may be heard at a time; a page tries each of its own. */
const PATHS_MAX = 8;
/** What a page may send; its input, and the receipts for its picture. */
const PACKETS_PER_SECOND_MAX = 5000;
/** To an address that has not been seen to receive, no more bytes go than this many times what came from it (as RFC 9000, 8.1). */
const UNPROVEN_FACTOR = 3;
/** Packets that wait while a page's socket is being made. */
const PENDING_MAX = 4;
/** Bytes that wait for the network before packets are dropped. */
const QUEUE_BYTES_MAX = 2 ** 20;
/** A keyframe comes as one burst. The kernel gives what it allows of it. */
const SOCKET_BYTES = 4 * 2 ** 20;

export interface RelayOptions {
  /** Bound to where pages send, maybe in another network namespace; see openDoor. The relay closes it. */
  socket: Socket;
  /** What pages are told to send to, with the socket's port. */
  address: string;
  /** Where ICE listens, as this process reaches it. */
  target: { address: string; port: number };
  /** Addresses that are relayed at a time. */
  peersMax: number;
  /** Silence after which an address is forgotten. */
  idleMs: number;
  /** Milliseconds of any beginning; the process's own clock without. */
  now?(): number;
}

/** The way in for pages that do not reach this process's own addresses. */
export interface Relay {
  readonly address: string;
  readonly port: number;
  readonly stats: Readonly<RelayStats>;
  /** Lets pages in whose connection has this ICE user fragment; nobody else is heard. */
  admit(ufrag: string): void;
  /** Forgets them. */
  dismiss(ufrag: string): void;
  close(): void;
}

export interface RelayStats {
  /** Addresses that are relayed now. */
  peers: number;
  packetsIn: number;
  packetsOut: number;
  packetsDropped: number;
}

/**
 * Binds a UDP socket in the network namespace in which the calling thread is, for a relay.
 * @throws NearlightError NL_PORT_IN_USE if no port of the range is free
 */
export async function openDoor(options: { address: string; first: number; last: number }): Promise<Socket> {
  const { address, first, last } = options;
  const count = last - first + 1;
  const begin = Math.floor(Math.random() * count);
  for (let tried = 0; tried < count; tried++) {
    const socket = openSocket(isIPv6(address) ? 'udp6' : 'udp4');
    try {
      const listening = once(socket, 'listening'); // where no name is looked up, that is before bind returns
      socket.bind({ port: first + ((begin + tried) % count), exclusive: true });
      await listening;
      enlarge(socket);
      return socket;
    } catch (error) {
      socket.close();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new NearlightError('NL_PORT_IN_USE', `no UDP port from ${first} to ${last} is free; widen NODE_UDP_PORTS`);
}

/** Carries packets between pages and ICE, each page's address with a socket of its own, so that ICE tells them apart. */
export function openRelay(options: RelayOptions): Relay {
  return new UdpRelay(options);
}

interface Peer {
  readonly key: string;
  readonly ufrag: string;
  readonly address: string;
  readonly port: number;
  readonly socket: Socket;
  /** Until the socket is connected. */
  pending: Buffer[] | undefined;
  heardAt: number;
  /** Packets that it may send now. */
  allowance: number;
  /** It answered what was sent to it, so the address is its own. */
  proven: boolean;
  /** Bytes that may be sent to it until then. */
  credit: number;
  /** The transaction of the newest request that was sent to it. */
  readonly asked: Buffer;
}

class UdpRelay implements Relay {
  readonly address: string;
  readonly port: number;
  readonly stats: RelayStats = { peers: 0, packetsIn: 0, packetsOut: 0, packetsDropped: 0 };
  readonly #options: RelayOptions;
  readonly #now: () => number;
  readonly #peers = new Map<string, Peer>();
  /** Who is let in, and the addresses from which each is heard. */
  readonly #admitted = new Map<string, Set<Peer>>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: RelayOptions) {
    const { socket, address, idleMs } = options;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.address = address;
    this.port = socket.address().port;
    socket.on('message', (packet, from) => this.#fromPage(packet, from));
    socket.on('error', () => {}); // a page's network that refuses a packet; ICE notices what is lasting
    this.#sweep = setInterval(() => this.#forgetSilent(), idleMs / 4).unref();
  }

  admit(ufrag: string): void {
    this.#admitted.set(ufrag, new Set());
  }

  dismiss(ufrag: string): void {
    for (const peer of this.#admitted.get(ufrag) ?? []) this.#forget(peer);
    this.#admitted.delete(ufrag);
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const peer of this.#peers.values()) this.#forget(peer);
    this.#options.socket.close();
  }

  #fromPage(packet: Buffer, from: RemoteInfo): void {
    const now = this.#now();
    const key = `${from.address} ${from.port}`;
    const peer = this.#peers.get(key) ?? this.#open(packet, from, { key, now });
    if (!peer || !isWebRtc(packet) || !spend(peer, now)) {
      this.stats.packetsDropped++;
      return;
    }
    if (!peer.proven) {
      peer.credit += UNPROVEN_FACTOR * packet.length;
      peer.proven = isBindingSuccess(packet) && transactionOf(packet).equals(peer.asked);
    }
    if (!peer.pending) this.#send(peer.socket, packet);
    else if (peer.pending.length < PENDING_MAX) peer.pending.push(packet);
    this.stats.packetsIn++;
  }

  #fromIce(packet: Buffer, peer: Peer): void {
    if (!peer.proven) {
      peer.credit -= packet.length;
      if (peer.credit < 0) {
        peer.credit = 0;
        this.stats.packetsDropped++;
        return;
      }
      if (isBindingRequest(packet)) transactionOf(packet).copy(peer.asked);
    }
    if (this.#send(this.#options.socket, packet, peer)) this.stats.packetsOut++;
  }

  #send(socket: Socket, packet: Buffer, to?: Peer): boolean {
    if (socket.getSendQueueSize() > QUEUE_BYTES_MAX) {
      this.stats.packetsDropped++;
      return false;
    }
    if (to) socket.send(packet, to.port, to.address);
    else socket.send(packet);
    return true;
  }

  /** A page is let in by a binding request for a connection that there is. */
  #open(packet: Buffer, from: RemoteInfo, { key, now }: { key: string; now: number }): Peer | undefined {
    if (!isBindingRequest(packet)) return undefined;
    const ufrag = recipientOf(packet);
    const paths = ufrag === undefined ? undefined : this.#admitted.get(ufrag);
    if (ufrag === undefined || !paths) return undefined;
    if (paths.size >= PATHS_MAX) this.#forget([...paths].reduce((a, b) => (a.heardAt <= b.heardAt ? a : b)));
    if (this.#peers.size >= this.#options.peersMax) return undefined;
    const { target } = this.#options;
    const peer: Peer = {
      key,
      ufrag,
      address: from.address,
      port: from.port,
      socket: openSocket(isIPv6(target.address) ? 'udp6' : 'udp4'),
      pending: [],
      heardAt: now,
      allowance: PACKETS_PER_SECOND_MAX,
      proven: false,
      credit: 0,
      asked: Buffer.alloc(TRANSACTION_BYTES),
    };
    const { socket } = peer;
    socket.on('message', (answer) => this.#fromIce(answer, peer));
    socket.on('error', () => {}); // ICE does not listen at the moment
    socket.once('connect', () => {
      if (this.#peers.get(key) !== peer) return;
      enlarge(socket);
      for (const waiting of peer.pending ?? []) this.#send(socket, waiting);
      peer.pending = undefined;
    });
    socket.connect(target.port, target.address);
    this.#peers.set(key, peer);
    paths.add(peer);
    this.stats.peers++;
    return peer;
  }

  #forgetSilent(): void {
    const since = this.#now() - this.#options.idleMs;
    for (const peer of this.#peers.values()) if (peer.heardAt < since) this.#forget(peer);
  }

  #forget(peer: Peer): void {
    this.#peers.delete(peer.key);
    this.#admitted.get(peer.ufrag)?.delete(peer);
    peer.socket.close();
    this.stats.peers--;
  }
}

/** Takes a packet off what a peer may send. */
function spend(peer: Peer, now: number): boolean {
  const more = ((now - peer.heardAt) / 1000) * PACKETS_PER_SECOND_MAX;
  peer.allowance = Math.min(PACKETS_PER_SECOND_MAX, peer.allowance + more);
  peer.heardAt = now;
  if (peer.allowance < 1) return false;
  peer.allowance--;
  return true;
}

/** A socket that never looks a name up: it is given addresses, and the detour costs every packet a turn of the loop. */
function openSocket(type: 'udp4' | 'udp6'): Socket {
  const lookup = (address: string, _options: unknown, found: (error: null, address: string, family: number) => void) =>
    found(null, address, type === 'udp6' ? 6 : 4);
  return createSocket({ type, lookup });
}

function enlarge(socket: Socket): void {
  socket.setRecvBufferSize(SOCKET_BYTES);
  socket.setSendBufferSize(SOCKET_BYTES);
}
