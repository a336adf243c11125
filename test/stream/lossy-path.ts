import { vi } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { VideoSender, type VideoSenderOptions } from '../../host/stream/sender.ts';
import { Random } from '../random.ts';
import { accessUnit } from './fixture.ts';
import { writeFeedback } from './rtp/feedback-writer.ts';

const STREAMS = { ssrc: 0x01020304, rtxSsrc: 0x05060708, repairSsrc: 0x090a0b0c };
const HEADER_BYTES = 28;
const TRANSPORT_AT = 25;
/** Size of the headers of IP and UDP, and of SRTP's tag. */
const PATH_BYTES = 38;
const FPS = 60;
const REPORT_MS = 50;
/** A page asks again for a packet after this time, because it does not know the round trip. */
const ASK_AGAIN_MS = 100;
const VIDEO_MAX = 8_000_000;
const LATE_MS = 25;
const FREEZE_MS = 100;

export interface LossyPathOptions {
  offer: VideoSenderOptions['offer'];
  /** Delay in each direction. */
  delayMs: number;
  loss: number;
  /** Mean number of packets that are lost one after the other. Default: 1. */
  burst?: number;
  bitsPerSecond?: number;
  seed?: number;
}

export interface Outcome {
  frames: number;
  /** Frames that were complete more than LATE_MS after they could be, and gaps of more than 100 ms between two frames. */
  late: number;
  freezes: number;
  longestMs: number;
  /** Bits per second of frames, without anything that was sent in addition, and of all packets. */
  video: number;
  sent: number;
}

/**
 * Sends video through a simulated path to a page that behaves like Chromium: it shows frames in order, asks for packets that it
 * misses at once and every 100 ms, reports arrivals, and computes packets from repair packets. Needs fake timers.
 */
export class LossyPath {
  readonly #options: LossyPathOptions;
  readonly #sender: VideoSender;
  readonly #random: Random;
  readonly #events: { atMs: number; run(): void }[] = [];
  #busyUntil = 0;
  #isLosing = false;
  #video = 1_000_000;
  /** When the packets that end a frame were sent, by their sequence numbers. */
  readonly #ends = new Map<number, number>();
  // The page's state.
  #arrivals: number[] = [];
  #reported = 0;
  /** Whether each packet of the video ends a frame, by its sequence number. */
  readonly #packets = new Map<number, boolean>();
  readonly #direct = new Set<number>();
  readonly #askedAt = new Map<number, number>();
  #repairs: number[][] = [];
  #highest = -1;
  #shownTo = -1;
  #begins = -1;
  #shownAt = -1;
  #outcome: Outcome = { frames: 0, late: 0, freezes: 0, longestMs: 0, video: 0, sent: 0 };

  constructor(options: LossyPathOptions) {
    this.#options = options;
    this.#random = new Random(options.seed ?? 1);
    this.#sender = new VideoSender({
      offer: options.offer,
      streams: STREAMS,
      clock: { now: () => milli(performance.now()) },
      clockOriginMs: 0,
      bitsPerSecondMax: 2 * VIDEO_MAX,
      send: (packet) => this.#send(packet),
      onKeyframe: () => {},
      onFeedback: ({ videoBitsPerSecond }) => {
        this.#video = Math.min(VIDEO_MAX, videoBitsPerSecond);
      },
    });
  }

  /** Streams for some seconds. @returns what happened after the first `startMs` */
  run(seconds: number, startMs = 5000): Outcome {
    const begun = performance.now();
    let next = begun;
    let isCounting = false;
    for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - begun) {
      if (!isCounting && elapsed >= startMs) {
        isCounting = true;
        this.#outcome = { frames: 0, late: 0, freezes: 0, longestMs: 0, video: 0, sent: 0 };
      }
      const now = performance.now();
      if (now >= next) {
        next += 1000 / FPS;
        if (this.#sender.ready) this.#sendFrame(now);
      }
      if (Math.floor(elapsed) % REPORT_MS === 0) this.#report();
      if (Math.floor(elapsed) % 20 === 0) this.#ask(now);
      vi.advanceTimersByTime(1);
      this.#deliver(performance.now());
    }
    this.#sender.close();
    const counted = (seconds * 1000 - startMs) / 1000;
    const { video, sent } = this.#outcome;
    return { ...this.#outcome, video: (video * 8) / counted, sent: (sent * 8) / counted };
  }

  #sendFrame(now: number): void {
    const bytes = Math.max(200, Math.round((this.#video / 8 / FPS) * (0.7 + this.#random.below(600) / 1000)));
    this.#outcome.video += bytes;
    this.#sender.sendFrame(accessUnit(bytes, false), { rtpTimestamp: Math.round(now * 90), keyframe: false });
  }

  #at(atMs: number, run: () => void): void {
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1]?.atMs ?? 0) > atMs) index--;
    this.#events.splice(index, 0, { atMs, run });
  }

  #deliver(now: number): void {
    while ((this.#events[0]?.atMs ?? Number.POSITIVE_INFINITY) <= now) this.#events.shift()?.run();
  }

  #send(packet: Buffer): boolean {
    const now = performance.now();
    if (packet[1] === 200) return true;
    if (packet.readUInt32BE(8) === STREAMS.ssrc) {
      if (packet.readUInt8(1) >= 128) this.#ends.set(packet.readUInt16BE(2), now);
      else this.#ends.delete(packet.readUInt16BE(2));
    }
    const { delayMs, bitsPerSecond = Number.POSITIVE_INFINITY } = this.#options;
    const bytes = packet.length + PATH_BYTES;
    this.#outcome.sent += bytes;
    if (this.#busyUntil - now > 200) return true;
    this.#busyUntil = Math.max(now, this.#busyUntil) + (bytes * 8000) / bitsPerSecond;
    if (this.#isLost()) return true;
    const copy = Buffer.from(packet);
    this.#at(this.#busyUntil + delayMs, () => this.#receive(copy));
    return true;
  }

  /** Loses packets one by one or in bursts (the model of Gilbert). */
  #isLost(): boolean {
    const { loss, burst = 1 } = this.#options;
    const chance = (probability: number) => this.#random.below(1_000_000) < probability * 1_000_000;
    if (burst === 1) return chance(loss);
    this.#isLosing = this.#isLosing ? !chance(1 / burst) : chance(loss / (1 - loss) / burst);
    return this.#isLosing;
  }

  #receive(packet: Buffer): void {
    const transport = packet.readUInt16BE(TRANSPORT_AT);
    const index = this.#reported + (((transport - this.#reported) << 16) >> 16);
    this.#arrivals[index - this.#reported] = performance.now();
    const ssrc = packet.readUInt32BE(8);
    const marker = packet.readUInt8(1) >= 128;
    if (ssrc === STREAMS.ssrc) this.#media(this.#unwrap(packet.readUInt16BE(2)), marker, 'direct');
    else if (ssrc === STREAMS.rtxSsrc) this.#media(this.#unwrap(packet.readUInt16BE(HEADER_BYTES)), marker, 'again');
    else this.#repair(packet.subarray(HEADER_BYTES));
  }

  #unwrap(sequence: number): number {
    return this.#highest < 0 ? sequence : this.#highest + (((sequence - this.#highest) << 16) >> 16);
  }

  #media(sequence: number, marker: boolean, how: 'direct' | 'again' | 'computed'): void {
    if (this.#highest < 0) {
      this.#highest = sequence;
      this.#begins = sequence;
    }
    // A repeated packet is of no use for computing others, as in Chromium.
    if (how !== 'again') this.#direct.add(sequence);
    if (sequence > this.#shownTo) this.#packets.set(sequence, marker);
    this.#askedAt.delete(sequence);
    for (let missing = this.#highest + 1; missing < sequence; missing++)
      if (!this.#packets.has(missing)) this.#askedAt.set(missing, Number.NEGATIVE_INFINITY);
    const hasGap = sequence > this.#highest + 1;
    this.#highest = Math.max(this.#highest, sequence);
    if (hasGap) this.#ask(performance.now());
    if (how !== 'again') this.#compute();
    this.#show();
  }

  #repair(payload: Buffer): void {
    const base = this.#unwrap(payload.readUInt16BE(16));
    const mask = payload.readUInt16BE(18);
    const sequences = Array.from({ length: 15 }, (_, bit) => bit)
      .filter((bit) => (mask >> (14 - bit)) & 1)
      .map((bit) => base + bit);
    this.#repairs.push(sequences);
    if (this.#repairs.length > 48) this.#repairs.shift();
    this.#compute();
  }

  #compute(): void {
    for (const sequences of this.#repairs) {
      const missing = sequences.filter((sequence) => !this.#direct.has(sequence));
      const [sequence] = missing;
      if (sequence === undefined || missing.length > 1) continue;
      this.#media(sequence, this.#ends.has(sequence & 0xffff), 'computed');
      return;
    }
  }

  #ask(now: number): void {
    const due = [...this.#askedAt].filter(([, at]) => now - at >= ASK_AGAIN_MS).map(([sequence]) => sequence);
    if (due.length === 0) return;
    for (const sequence of due) this.#askedAt.set(sequence, now);
    const packet = Buffer.alloc(12 + 4 * due.length);
    packet.set([0x81, 205]);
    packet.writeUInt16BE(packet.length / 4 - 1, 2);
    packet.writeUInt32BE(STREAMS.ssrc, 8);
    for (const [index, sequence] of due.entries()) packet.writeUInt16BE(sequence & 0xffff, 12 + 4 * index);
    this.#at(now + this.#options.delayMs, () => this.#sender.receive(packet));
  }

  #report(): void {
    const count = this.#arrivals.length;
    if (count === 0) return;
    const first = this.#reported;
    const arrivals = Array.from({ length: count }, (_, index) => {
      const at = this.#arrivals[index];
      return at === undefined ? Number.NaN : 64_000 + Math.round(at * 4) / 4;
    });
    this.#reported += count;
    this.#arrivals = [];
    const report = writeFeedback({ first: first & 0xffff, arrivals });
    this.#at(performance.now() + this.#options.delayMs, () => this.#sender.receive(report));
  }

  #show(): void {
    for (;;) {
      let end = this.#begins;
      while (this.#packets.has(end) && !this.#packets.get(end)) end++;
      if (!this.#packets.has(end)) return;
      for (let sequence = this.#begins; sequence <= end; sequence++) {
        this.#packets.delete(sequence);
        this.#direct.delete(sequence - 2000);
      }
      this.#shownTo = end;
      this.#begins = end + 1;
      const now = performance.now();
      const gap = this.#shownAt < 0 ? 0 : now - this.#shownAt;
      this.#shownAt = now;
      this.#outcome.frames++;
      if (now - (this.#ends.get(end & 0xffff) ?? now) - this.#options.delayMs > LATE_MS) this.#outcome.late++;
      if (gap > FREEZE_MS) this.#outcome.freezes++;
      this.#outcome.longestMs = Math.max(this.#outcome.longestMs, gap);
    }
  }
}
