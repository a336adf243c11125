import { randomFillSync } from 'node:crypto';
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Socket as TcpSocket } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Faults } from '../base/faults.ts';
import { Bucket } from '../base/limiter.ts';
import type { Milli } from '../base/time.ts';
import { FrameReader, sendFramed } from './ice-tcp.ts';
import type { ReservedPath } from './reserved-path.ts';
import {
  bindingRequest,
  isBindingRequest,
  isBindingSuccess,
  isWebRtc,
  recipientOf,
  respondFor,
  TRANSACTION_BYTES,
  transactionOf,
  withTieBreaker,
} from './stun.ts';
import { enlargeBuffers, openSocketTo, type UdpAddress } from './udp.ts';

/** A page tries each of its own addresses. The relay serves at most this many of them for one connection. */
const PATHS_PER_CONNECTION_MAX = 8;
/** Largest number of page addresses that the relay serves at the same time. */
const PATHS_MAX = 4096;
/**
 * The most packets per second that a page may send, from all of its addresses. Its input and its reports about pictures take some
 * hundreds at most. Packets beyond that are lost, so that the page's own transport (SCTP) sends less.
 */
const PACKETS_PER_SECOND_MAX = 1000;
/**
 * Bytes of the IP and UDP headers of a packet. They count on both sides of the rule that the relay sends an address no more
 * bytes than came from it until the address has proved that it receives packets. Otherwise an attacker could use the relay to
 * flood a forged address (RFC 9000, 8.1, has a similar rule).
 */
const HEADER_BYTES = 28;
/** Number of packets to an unverified address that wait until it has sent enough bytes or is verified. */
const HELD_MAX = 4;
/**
 * Packets from these source ports are dropped, and so are those from all ports below PRIVILEGED_PORTS. Services at these ports
 * answer every packet, so an attacker could use them and the relay against each other: SSDP, WS-Discovery, SIP, mDNS, CoAP,
 * memcached.
 */
const REFLECTING_PORTS: ReadonlySet<number> = new Set([1900, 3702, 5060, 5353, 5683, 11_211]);
const PRIVILEGED_PORTS = 1024;
/** Number of packets from one page address that are kept while the relay opens a socket for the address. */
const PENDING_MAX = 4;
/** When a socket has this many bytes queued for sending, further packets are dropped. */
const QUEUE_BYTES_MAX = 2 ** 20;
const EMPTY = Buffer.alloc(0);
/** A TCP connection is closed if its first packet, which names the page's connection, has not arrived after this time. */
const FIRST_PACKET_MS_MAX = 5000;

export interface RelayOptions {
  /** The UDP sockets that pages send to. They may belong to other network namespaces. The relay closes them. */
  sockets: readonly Socket[];
  /** A page address is forgotten after this much silence. */
  idleMs: number;
  /** Faults that an operator injects into packets to pages. By default there are none. */
  faults?: Pick<Faults, 'strike'> | undefined;
  /** Default: PATHS_MAX */
  pathsMax?: number;
  /** The clock for packet rates and silence. Default: the process's own. */
  clock?: Pick<Clock, 'now'>;
}

/** A connection whose packets the relay passes on. */
export interface RelayedConnection {
  /** Where the ICE of the connection listens. */
  readonly target: UdpAddress;
  /** ICE password of this host, with which the relay names the page's own address in ICE's responses. */
  readonly password: string;
  /** ICE user fragment and password of the page, for probes. */
  readonly remote?: { readonly ufrag: string; readonly password: string } | undefined;
  /** The socket for the page's first address. Without it, the relay opens one when the first packet arrives. */
  readonly reserved?: ReservedPath | undefined;
  /** Called for each packet that passes from a verified address of the page. */
  readonly onArrival?: (() => void) | undefined;
  /** Called for each packet that leaves this machine for the page. */
  readonly onDeparture?: ((packet: Buffer, now: Milli) => void) | undefined;
}

/**
 * Passes WebRTC packets between pages and the ICE of this process, which listens on loopback only. So it sees every packet
 * before ICE does, and it decides what ICE may send.
 */
export interface Relay {
  readonly stats: Readonly<RelayStats>;
  /** Accepts packets from pages whose connection has this ICE user fragment. Packets from others are dropped. */
  admit(ufrag: string, connection: RelayedConnection): void;
  /** Sends a check of ICE to the address of the page that was heard last. The page's browser answers it by itself. */
  probe(ufrag: string): void;
  /** Takes no more packets from the page. Those to the page still pass. */
  mute(ufrag: string): void;
  /** Stops accepting packets for a connection that was admitted. */
  dismiss(ufrag: string): void;
  /** Takes over a TCP connection that carries a page's packets (RFC 6544). Closes it if it belongs to no admitted connection. */
  accept(socket: TcpSocket): void;
  close(): void;
}

export interface RelayStats {
  /** Number of page addresses that the relay serves now. */
  paths: number;
  packetsIn: number;
  packetsOut: number;
  packetsDropped: number;
  /** Number of probes that pages have answered. */
  probesAnswered: number;
}

/** Opens a relay between pages and this process's ICE. Each page address gets its own socket, so that ICE tells them apart. */
export function openRelay(options: RelayOptions): Relay {
  return new PacketRelay(options);
}

/** The way back to a page's address. */
interface Outlet {
  /** The page's address. */
  readonly address: UdpAddress;
  /** Sends a packet. @returns false if too much waits to be sent, so that the packet is dropped */
  send(packet: Buffer): boolean;
  close(): void;
}

/** One page address that the relay serves, with the local socket that stands for it towards ICE. */
interface Path {
  readonly key: string;
  readonly ufrag: string;
  readonly admitted: Admitted;
  readonly outlet: Outlet;
  readonly socket: Socket;
  /** The page's packets that wait until the socket is connected; undefined from then on. */
  pending: Buffer[] | undefined;
  lastHeardAt: Milli;
  /** Whether the page answered a STUN request that was sent to this address, which proves that the address is its own. */
  verified: boolean;
  /** Number of bytes that the relay may still send to the page's address while the address is not verified. */
  creditBytes: number;
  /** Packets to the page's address that wait for credit. */
  held: Buffer[];
  /** Transaction id of the newest STUN request that was sent to the page's address. */
  readonly transaction: Buffer;
  /** Transaction id of the newest probe. ICE does not know of probes, so it does not get the answers. */
  readonly probe: Buffer;
  readonly connection: RelayedConnection;
}

/** Who may connect under one ICE user fragment (RFC 8445). */
interface Admitted {
  readonly connection: RelayedConnection;
  /** The addresses that the relay serves for the page. */
  readonly paths: Set<Path>;
  /** Limits the packets from the page. */
  readonly packets: Bucket;
  isMuted: boolean;
}

class PacketRelay implements Relay {
  readonly stats: RelayStats = { paths: 0, packetsIn: 0, packetsOut: 0, packetsDropped: 0, probesAnswered: 0 };
  readonly #options: RelayOptions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #paths = new Map<string, Path>();
  readonly #admitted = new Map<string, Admitted>();
  readonly #sweep: NodeJS.Timeout;
  /** Number of TCP connections that were taken over. */
  #accepted = 0;

  constructor(options: RelayOptions) {
    const { sockets, idleMs } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    for (const [index, socket] of sockets.entries()) {
      socket.on('message', (packet, from) => this.#fromPage(packet, from, { index, socket }));
      // A page's network may refuse a packet. ICE notices if that lasts.
      socket.on('error', () => {});
    }
    this.#sweep = setInterval(() => this.#forgetSilent(), idleMs / 4).unref();
  }

  admit(ufrag: string, connection: RelayedConnection): void {
    const packets = new Bucket({
      perSecond: PACKETS_PER_SECOND_MAX,
      burst: PACKETS_PER_SECOND_MAX,
      now: this.#clock.now(),
    });
    this.#admitted.set(ufrag, { connection, paths: new Set(), packets, isMuted: false });
  }

  probe(ufrag: string): void {
    const { paths, connection } = this.#admitted.get(ufrag) ?? {};
    const [newest] = [...(paths ?? [])]
      .filter(({ verified }) => verified)
      .sort((a, b) => b.lastHeardAt - a.lastHeardAt);
    if (!newest || !connection?.remote) return;
    const { ufrag: remote, password } = connection.remote;
    const transaction = randomFillSync(newest.probe);
    this.#sendOut(bindingRequest({ username: `${remote}:${ufrag}`, password, transaction }), newest);
  }

  mute(ufrag: string): void {
    const admitted = this.#admitted.get(ufrag);
    if (admitted) admitted.isMuted = true;
  }

  dismiss(ufrag: string): void {
    const admitted = this.#admitted.get(ufrag);
    for (const path of admitted?.paths ?? []) this.#forget(path);
    admitted?.connection.reserved?.close();
    this.#admitted.delete(ufrag);
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const path of this.#paths.values()) this.#forget(path);
    for (const socket of this.#options.sockets) socket.close();
  }

  #fromPage(packet: Buffer, from: RemoteInfo, { index, socket }: { index: number; socket: Socket }): void {
    const now = this.#clock.now();
    const key = `${index} ${from.address} ${from.port}`;
    const path = this.#paths.get(key) ?? this.#openUdp(packet, from, { key, now, outside: socket });
    this.#pass(packet, path, now);
  }

  accept(socket: TcpSocket): void {
    const key = `tcp ${this.#accepted++}`;
    let path: Path | undefined;
    const address = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    const outlet: Outlet = { address, send: (packet) => sendFramed(socket, packet), close: () => socket.destroy() };
    const timer = setTimeout(() => socket.destroy(), FIRST_PACKET_MS_MAX);
    const reader = new FrameReader((packet) => {
      if (socket.destroyed) return;
      const now = this.#clock.now();
      // The handshake of TCP has proved that the address receives packets.
      path ??= this.#open(packet, outlet, { key, now, verified: true });
      if (path) clearTimeout(timer);
      else socket.destroy();
      this.#pass(packet, path, now);
    });
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      if (!reader.read(bytes)) socket.destroy();
    });
    socket.on('end', () => socket.destroy());
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      if (path && this.#paths.get(key) === path) this.#forget(path);
    });
  }

  /** Passes a page's packet to ICE, if it is one of WebRTC and the page has not sent too many. */
  #pass(packet: Buffer, path: Path | undefined, now: Milli): void {
    if (!path || !isWebRtc(packet) || !isAllowed(path, now)) {
      this.stats.packetsDropped++;
      return;
    }
    if (!path.verified) {
      path.creditBytes += HEADER_BYTES + packet.length;
      path.verified = isBindingSuccess(packet) && transactionOf(packet).equals(path.transaction);
      this.#sendHeld(path);
    }
    if (isBindingSuccess(packet) && transactionOf(packet).equals(path.probe)) {
      this.stats.probesAnswered++;
      path.connection.onArrival?.();
      return;
    }
    const passed = isBindingRequest(packet) ? withTieBreaker(packet, path.connection.password) : packet;
    if (!path.pending) this.#sendIn(passed, path.socket);
    else if (path.pending.length < PENDING_MAX) path.pending.push(passed);
    this.stats.packetsIn++;
    if (path.verified) path.connection.onArrival?.();
  }

  #fromIce(sent: Buffer, path: Path): void {
    const { outlet, connection } = path;
    const packet = isBindingSuccess(sent) ? respondFor(outlet.address, sent, connection.password) : sent;
    if (path.verified) {
      this.#sendOut(packet, path);
      return;
    }
    if (path.held.length >= HELD_MAX) {
      this.stats.packetsDropped++;
      const dispensable = path.held.findIndex((held) => !isBindingRequest(held));
      if (dispensable < 0 || !isBindingRequest(packet)) return;
      path.held.splice(dispensable, 1);
    }
    path.held.push(packet);
    this.#sendHeld(path);
  }

  /**
   * Sends the packets that may go to the page's address. An unverified address gets only requests, to verify it, for which it
   * has credit. A page that gets no other answer repeats its own request and so earns more credit.
   */
  #sendHeld(path: Path): void {
    const { held } = path;
    for (let index = 0; index < held.length; ) {
      const packet = held[index] ?? EMPTY;
      const isRequest = isBindingRequest(packet);
      const bytes = HEADER_BYTES + packet.length;
      if (path.verified || (isRequest && bytes <= path.creditBytes)) {
        path.creditBytes -= bytes;
        held.splice(index, 1);
        if (isRequest) transactionOf(packet).copy(path.transaction);
        this.#sendOut(packet, path);
      } else index++;
    }
  }

  #sendOut(packet: Buffer, path: Path): void {
    // The time is taken before the packet is sent, because the page may have it before the call returns.
    const now = this.#clock.now();
    // The network may lose a packet that has left.
    const isLost = this.#options.faults?.strike('packets') !== undefined;
    if (!isLost && !path.outlet.send(packet)) {
      this.stats.packetsDropped++;
      return;
    }
    this.stats.packetsOut++;
    path.connection.onDeparture?.(packet, now);
  }

  #sendIn(packet: Buffer, socket: Socket): void {
    if (!isQueueFull(socket)) socket.send(packet);
    else this.stats.packetsDropped++;
  }

  #openUdp(
    packet: Buffer,
    { address, port }: RemoteInfo,
    { key, now, outside }: { key: string; now: Milli; outside: Socket },
  ): Path | undefined {
    if (port < PRIVILEGED_PORTS || REFLECTING_PORTS.has(port)) return undefined;
    const send = (answer: Buffer): boolean => {
      if (isQueueFull(outside)) return false;
      outside.send(answer, port, address);
      return true;
    };
    return this.#open(packet, { address: { address, port }, send, close: () => {} }, { key, now, verified: false });
  }

  /** Starts to serve a page's address if its packet is a STUN binding request for an admitted connection. */
  #open(
    packet: Buffer,
    outlet: Outlet,
    { key, now, verified }: { key: string; now: Milli; verified: boolean },
  ): Path | undefined {
    if (!isBindingRequest(packet)) return undefined;
    const ufrag = recipientOf(packet);
    const admitted = ufrag === undefined ? undefined : this.#admitted.get(ufrag);
    if (ufrag === undefined || !admitted) return undefined;
    const { connection, paths } = admitted;
    const { target } = connection;
    if (paths.size >= PATHS_PER_CONNECTION_MAX)
      this.#forget([...paths].reduce((a, b) => (a.lastHeardAt <= b.lastHeardAt ? a : b)));
    if (this.#paths.size >= (this.#options.pathsMax ?? PATHS_MAX)) return undefined;
    const taken = connection.reserved?.take();
    const path: Path = {
      key,
      ufrag,
      admitted,
      outlet,
      socket: taken?.socket ?? openSocketTo(target.address),
      pending: [],
      lastHeardAt: now,
      verified,
      creditBytes: 0,
      held: [],
      transaction: Buffer.alloc(TRANSACTION_BYTES),
      probe: randomFillSync(Buffer.alloc(TRANSACTION_BYTES)),
      connection,
    };
    const { socket } = path;
    socket.on('message', (answer) => this.#fromIce(answer, path));
    // A send fails while ICE is not listening. The page sends again, so the error needs no handling.
    socket.on('error', () => {});
    socket.once('connect', () => {
      if (this.#paths.get(key) !== path) return;
      enlargeBuffers(socket);
      for (const waiting of path.pending ?? []) this.#sendIn(waiting, socket);
      path.pending = undefined;
    });
    socket.connect(target.port, target.address);
    this.#paths.set(key, path);
    paths.add(path);
    this.stats.paths++;
    if (taken?.request) this.#fromIce(taken.request, path);
    return path;
  }

  #forgetSilent(): void {
    const since = this.#clock.now() - this.#options.idleMs;
    for (const path of this.#paths.values()) if (path.lastHeardAt < since) this.#forget(path);
  }

  #forget(path: Path): void {
    this.#paths.delete(path.key);
    this.#admitted.get(path.ufrag)?.paths.delete(path);
    path.socket.close();
    path.outlet.close();
    this.stats.paths--;
  }
}

function isQueueFull(socket: Socket): boolean {
  return socket.getSendQueueSize() > QUEUE_BYTES_MAX;
}

/** Counts one packet of a page. @returns false if the page has sent too many packets, or none of its packets count any more */
function isAllowed(path: Path, now: Milli): boolean {
  path.lastHeardAt = now;
  return !path.admitted.isMuted && path.admitted.packets.take(now) === 0;
}
