import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Random } from '../../random.ts';

/** Size of the IP and UDP headers, which a link carries too. */
const HEADER_BYTES = 28;
const JITTER_MS = 10;

/** How a network treats packets to the page. Packets from the page are delayed only. */
export interface PathOptions {
  /** Infinity: no limit. */
  bitsPerSecond(atMs: number): number;
  /** Length of the queue, as time at the link's rate. */
  queueMs: number;
  /** Delay in each direction. */
  delayMs: number;
  /** Further delay, at random up to this, which changes every JITTER_MS. Packets do not overtake each other, as on a radio link. */
  jitterMs: number;
  /** Fraction of the packets that are lost at random. */
  loss: number;
  /** Every so many packets, one is lost in addition, so that losses are never close to each other. */
  lossEvery?: number;
  seed: number;
}

interface Delivery {
  atMs: number;
  send(): void;
}

/** A UDP proxy on loopback between a page and the host's relay, with the faults of a network. */
export class PathProxy {
  /** Bytes that were delivered to the page, with headers, by 100 ms since `begin`. */
  readonly delivered: number[] = [];
  /** Bytes that came from the host, likewise. */
  readonly offered: number[] = [];
  #options: PathOptions;
  readonly #outside: Socket;
  readonly #target: { port: number; address: string };
  readonly #pages = new Map<string, Socket>();
  readonly #waiting: Delivery[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #random: Random;
  /** Number of packets to the page. */
  #count = 0;
  #busyUntil = 0;
  #jitterMs = 0;
  #jitterUntil = 0;
  #lastAt = 0;
  #begunAt = performance.now();

  private constructor(outside: Socket, target: { port: number; address: string }, options: PathOptions) {
    this.#outside = outside;
    this.#target = target;
    this.#options = options;
    this.#random = new Random(options.seed);
    outside.on('message', (packet, from) => this.#fromPage(packet, from));
    this.#timer = setInterval(() => this.#deliver(), 1);
  }

  /** @param port UDP port of the sender at `address` */
  static async open(port: number, options: PathOptions, address = '127.0.0.1'): Promise<PathProxy> {
    return new PathProxy(await open(), { port, address }, options);
  }

  get port(): number {
    return (this.#outside.address() as AddressInfo).port;
  }

  /** Starts the time of `bitsPerSecond` and `delivered`. */
  begin(): void {
    this.#begunAt = performance.now();
    this.delivered.length = this.offered.length = 0;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#outside.close();
    for (const socket of this.#pages.values()) socket.close();
  }

  #fromPage(packet: Buffer, from: RemoteInfo): void {
    let socket = this.#pages.get(`${from.port}`);
    if (!socket) {
      socket = createSocket('udp4');
      socket.setMaxListeners(0);
      socket.on('message', (answer) => this.#toPage(answer, from));
      socket.on('error', () => {});
      this.#pages.set(`${from.port}`, socket);
    }
    const inside = socket;
    const copy = Buffer.from(packet);
    this.#schedule(performance.now() + this.#options.delayMs, () =>
      inside.send(copy, this.#target.port, this.#target.address),
    );
  }

  #toPage(packet: Buffer, to: RemoteInfo): void {
    const { bitsPerSecond, queueMs, delayMs, jitterMs, loss, lossEvery = Number.POSITIVE_INFINITY } = this.#options;
    const now = performance.now();
    const bytes = packet.length + HEADER_BYTES;
    count(this.offered, now - this.#begunAt, bytes);
    if (this.#busyUntil - now > queueMs) return;
    this.#busyUntil = Math.max(now, this.#busyUntil) + (bytes * 8000) / bitsPerSecond(now - this.#begunAt);
    if (this.#random.below(10_000) < loss * 10_000 || ++this.#count % lossEvery === 0) return;
    const copy = Buffer.from(packet);
    if (now >= this.#jitterUntil) {
      this.#jitterMs = (jitterMs * this.#random.below(1000)) / 1000;
      this.#jitterUntil = now + JITTER_MS;
    }
    this.#lastAt = Math.max(this.#lastAt, this.#busyUntil + delayMs + this.#jitterMs);
    this.#schedule(this.#lastAt, () => {
      count(this.delivered, performance.now() - this.#begunAt, bytes);
      this.#outside.send(copy, to.port, to.address);
    });
  }

  #schedule(atMs: number, send: () => void): void {
    let index = this.#waiting.length;
    while (index > 0 && (this.#waiting[index - 1]?.atMs ?? 0) > atMs) index--;
    this.#waiting.splice(index, 0, { atMs, send });
  }

  #deliver(): void {
    const now = performance.now();
    for (let next = this.#waiting[0]; next !== undefined && next.atMs <= now; next = this.#waiting[0]) {
      this.#waiting.shift();
      next.send();
    }
  }
}

function count(slots: number[], atMs: number, bytes: number): void {
  const slot = Math.floor(atMs / 100);
  slots[slot] = (slots[slot] ?? 0) + bytes;
}

async function open(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.setRecvBufferSize(4 * 2 ** 20);
  return socket;
}
