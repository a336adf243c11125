import { milli } from '../../../host/base/time.ts';
import { BandwidthEstimator, START_BITS_PER_SECOND } from '../../../host/stream/congestion/estimator.ts';
import { PacketHistory } from '../../../host/stream/congestion/history.ts';
import { Pacer } from '../../../host/stream/pacer.ts';
import { at } from '../../at.ts';
import { Random } from '../../random.ts';
import { Link, type LinkOptions, type Passed } from './link.ts';

const PACKET_BYTES = 1200;
/** Share of the estimate that the encoder is set to. */
const VIDEO_SHARE = 0.92;
/** The page's clock differs from the host's. */
const PAGE_CLOCK_MS = 123_456;

export interface SimulationOptions extends LinkOptions {
  /** Bits per second that the picture could use at a time. Default: 20 Mbit/s. */
  wants?(atMs: number): number;
  fps?: number;
  /** Period of the page's reports. */
  reportMs?: number;
  /** Whether the host does nothing at a time, because other programs take its processor. Packets that it has sent stay with it. */
  isHostBusy?(atMs: number): boolean;
  /** Whether the page does nothing at a time. Packets that arrive meanwhile get the time at which it goes on. */
  isPageBusy?(atMs: number): boolean;
  /** Whether the sender may probe. */
  probes?: boolean;
}

/** A state of the simulation, every 100 ms. */
interface Sample {
  atMs: number;
  estimate: number;
  /** Bits per second that passed the link. */
  carried: number;
}

/** Sends simulated video over a simulated link, with the same estimator and pacer as the host. */
export class Simulation {
  readonly samples: Sample[] = [];
  /** Times that frames took in addition to an idle link's delay, by the time at which they were made. */
  readonly frames: { atMs: number; addedMs: number }[] = [];
  skipped = 0;
  readonly #options: SimulationOptions;
  readonly #random = new Random(7);
  readonly #link: Link;
  readonly #history = new PacketHistory();
  readonly #estimator = new BandwidthEstimator();
  readonly #pacer = new Pacer(START_BITS_PER_SECOND);
  readonly #arrivals = new Float64Array(8192);
  /** Packets on their way to the page, and reports on their way back. */
  #flying: Passed[] = [];
  #reports: { dueAt: number; arrived: Passed[] }[] = [];
  #arrived: Passed[] = [];
  #backlog: { frame: number; bytes: number; isLast: boolean }[] = [];
  /** Packets that the host has sent but that have not left it. */
  #held: { sequence: number; bytes: number }[] = [];
  readonly #lastOfFrame = new Map<number, number>();
  #reportedTo = 0;
  #probeBytes = 0;
  #cluster = 0;
  #nextFrame = 0;
  #nextReport = 0;
  #responseMs = 150;
  #at = 0;
  #carriedBefore = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#link = new Link(options);
    this.#estimator.limit(25_000_000);
  }

  get estimate(): number {
    return this.#estimator.bitsPerSecond;
  }

  run(ms: number): this {
    for (const end = this.#at + ms; this.#at < end; this.#at++) this.#step(this.#at);
    return this;
  }

  /** Returns the mean of what passed the link between two times, in bits per second. */
  carried(fromMs: number, toMs: number): number {
    const samples = this.samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return samples.reduce((sum, { carried }) => sum + carried, 0) / samples.length;
  }

  /** Returns a percentile of the time that frames between two times took in addition to an idle link's delay. */
  addedMs(percent: number, fromMs: number, toMs = Number.POSITIVE_INFINITY): number {
    const added = this.frames.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ addedMs }) => addedMs);
    return at(
      added.sort((a, b) => a - b),
      Math.ceil((percent / 100) * added.length) - 1,
    );
  }

  /** Returns the first time from `fromMs` on at which `holds` is true, as the time since then; Infinity if there is none. */
  firstAfter(fromMs: number, holds: (sample: Sample) => boolean): number {
    const found = this.samples.find((sample) => sample.atMs >= fromMs && holds(sample));
    return found ? found.atMs - fromMs : Number.POSITIVE_INFINITY;
  }

  #step(at: number): void {
    const isHostBusy = this.#options.isHostBusy?.(at) ?? false;
    if (!isHostBusy) {
      this.#depart(at);
      this.#readReports(at);
      this.#makeFrame(at);
      this.#pump(at);
    }
    this.#flying.push(...this.#link.step(at));
    this.#arrive(at);
    this.#report(at);
    if (at % 100 === 99) {
      const { carriedBytes } = this.#link;
      this.samples.push({ atMs: at - 99, estimate: this.estimate, carried: (carriedBytes - this.#carriedBefore) * 80 });
      this.#carriedBefore = carriedBytes;
    }
  }

  #depart(at: number): void {
    for (const { sequence, bytes } of this.#held.splice(0)) {
      this.#history.noteDeparted(sequence & 0xffff, milli(at));
      this.#link.send(sequence, bytes, at);
    }
  }

  #makeFrame(at: number): void {
    const { fps = 60, wants = () => 20_000_000 } = this.#options;
    if (at < this.#nextFrame) return;
    this.#nextFrame = Math.max(this.#nextFrame + 1000 / fps, at - 100);
    if (this.#backlog.length > 0 || !this.#pacer.hasRoom(milli(at))) {
      this.skipped++;
      return;
    }
    const video = Math.min(wants(at), this.estimate * VIDEO_SHARE * (1 - this.#estimator.lossFraction));
    const bytes = (video / 8 / fps) * (0.7 + 0.6 * (this.#random.below(1000) / 1000));
    const packets = Math.max(1, Math.ceil(bytes / PACKET_BYTES));
    for (let index = 1; index <= packets; index++)
      this.#backlog.push({ frame: at, bytes: Math.ceil(bytes / packets), isLast: index === packets });
    const probe = this.#options.probes === false ? undefined : this.#estimator.nextProbe(milli(at));
    if (!probe) return;
    this.#cluster = probe.cluster;
    this.#probeBytes = probe.bytes;
    this.#pacer.setProbe(probe.bitsPerSecond, milli(at));
  }

  #pump(at: number): void {
    while (this.#pacer.maySend(milli(at))) {
      const next = this.#backlog.shift();
      if (!next && this.#probeBytes <= 0) return;
      const bytes = next?.bytes ?? PACKET_BYTES;
      const isProbe = this.#probeBytes > 0;
      const sequence = this.#history.count;
      this.#history.add(milli(at), bytes, isProbe ? this.#cluster : 0);
      this.#pacer.spend(bytes);
      if (isProbe) {
        this.#probeBytes -= bytes;
        if (this.#probeBytes <= 0) this.#pacer.setProbe(undefined, milli(at));
      }
      if (next?.isLast) this.#lastOfFrame.set(sequence, next.frame);
      // The packet leaves in the next turn of the event loop, which comes late if the host is busy.
      this.#held.push({ sequence, bytes: bytes + 44 });
    }
  }

  #arrive(at: number): void {
    const isBusy = this.#options.isPageBusy?.(at) ?? false;
    if (isBusy) return;
    const due = this.#flying.filter(({ arrivedAt }) => arrivedAt <= at);
    if (due.length === 0) return;
    this.#flying = this.#flying.filter(({ arrivedAt }) => arrivedAt > at);
    for (const packet of due.sort((a, b) => a.arrivedAt - b.arrivedAt)) {
      const wasHeld = this.#options.isPageBusy?.(Math.floor(packet.arrivedAt)) ?? false;
      const arrivedAt = wasHeld ? at : packet.arrivedAt;
      this.#arrived.push({ ...packet, arrivedAt });
      const frame = this.#lastOfFrame.get(packet.sequence);
      if (frame !== undefined) this.frames.push({ atMs: frame, addedMs: arrivedAt - frame - this.#options.delayMs });
    }
  }

  #report(at: number): void {
    if (at < this.#nextReport || this.#options.isPageBusy?.(at)) return;
    this.#nextReport = at + (this.#options.reportMs ?? 100);
    if (this.#arrived.length === 0) return;
    this.#reports.push({ dueAt: at + this.#options.delayMs, arrived: this.#arrived.splice(0) });
  }

  #readReports(at: number): void {
    const due = this.#reports.filter(({ dueAt }) => dueAt <= at);
    this.#reports = this.#reports.filter(({ dueAt }) => dueAt > at);
    for (const { arrived } of due) {
      const first = Math.min(this.#reportedTo, ...arrived.map(({ sequence }) => sequence));
      const end = 1 + Math.max(...arrived.map(({ sequence }) => sequence));
      this.#arrivals.fill(Number.NaN, 0, end - first);
      for (const { sequence, arrivedAt } of arrived) this.#arrivals[sequence - first] = arrivedAt + PAGE_CLOCK_MS;
      this.#reportedTo = Math.max(this.#reportedTo, end);
      const newest = this.#history.report(first & 0xffff, end - first, this.#arrivals, this.#estimator);
      if (newest === undefined) continue;
      this.#responseMs += (at - newest - this.#responseMs) / 4;
      this.#estimator.update(milli(at), this.#responseMs);
      this.#pacer.setRate(this.estimate, milli(at));
    }
  }
}
