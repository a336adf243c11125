import { type Milli, milli } from '../../base/time.ts';
import { LossMeter } from './loss.ts';
import { type Probe, ProbeMeter } from './probe.ts';
import { QueueDelay } from './queue-delay.ts';
import { Throughput } from './throughput.ts';

/** Where a connection starts. Any network that can play at all carries it, and probes raise it within the first second. */
export const START_BITS_PER_SECOND = 1_000_000;
export const BITS_PER_SECOND_MIN = 200_000;
/** A queue of this length on the path means that more is sent than the path carries. */
const QUEUE_MS_HIGH = 9;
/** Below this length, the queue counts as empty. */
const QUEUE_MS_LOW = 5;
/** Window over which the path's capacity is measured while there is a queue. A full path delivers evenly, so it can be short. */
const CAPACITY_WINDOW_MS = 120;
const THROUGHPUT_WINDOW_MS = 400;
/**
 * A page that is short of processor time takes its packets late, now more, now less. Both bounds rise by multiples of the mean
 * difference between two measurements. It is learnt slowly, because a real queue changes too.
 */
const NOISE_HIGH = 2;
const NOISE_LOW = 1;
const NOISE_SHARE = 1 / 32;
const NOISE_MS_MAX = 20;
/**
 * If less than this share of what is sent arrives, the path is full. Otherwise the delay may come from a page that has no time to take
 * its packets, and counts only after SUSPECT_MS.
 */
const ARRIVING_MIN = 0.8;
const SUSPECT_MS = 80;
/** A path that carries all that is sent, much less than the rate, is not full because of us. The rate then falls by steps only. */
const STEP_DOWN = 0.85;
/** Share of the capacity that is sent while a queue drains. The longer the queue, the less. */
const DRAIN_MAX = 0.85;
const DRAIN_MIN = 0.5;
/** Each millisecond of queue lowers that share by this much. */
const DRAIN_PER_MS = 1 / 400;
/** Share of the capacity that is sent after the queue has drained. */
const SETTLE = 0.9;
/** Growth per second near the known capacity, and elsewhere. */
const GROWTH_NEAR = 0.03;
const GROWTH_FAR = 0.4;
/** The rate grows only while this share of it is used. */
const USED_MIN = 0.6;
/** A queue that stays as it is for this long, while this share of the earlier rate is sent, is not ours: the route has changed. */
const UNRESPONSIVE_MS = 1200;
const UNRESPONSIVE_SHARE = 0.6;
/** A probe tries this multiple of the rate: the first ones, and later ones. */
const PROBE_FACTORS = [3, 2] as const;
const PROBE_FACTOR = 2;
/** Share of what a probe measured on a path that it filled. */
const PROBE_SHARE = 0.9;
/** Pause between a probe that failed and the next, and between the end of a queue and the next probe. */
const PROBE_MS_MIN = 1000;
const PROBE_MS_MAX = 2000;

/**
 * Estimates how many bits per second the path to a page carries, from what became of each packet. The main signal is the time that
 * packets wait in queues on the path. Loss counts only as far as it depends on the rate. Probes find out whether the path carries
 * more. It has no clock of its own.
 */
export class BandwidthEstimator {
  readonly #queue = new QueueDelay();
  readonly #throughput = new Throughput();
  readonly #loss = new LossMeter();
  readonly #probes = new ProbeMeter();
  #bitsPerSecond = START_BITS_PER_SECOND;
  #max = Number.POSITIVE_INFINITY;
  /** Bits per second that the path carried when it was last full; undefined if that was never or is outdated. */
  #capacity: number | undefined;
  #isDraining = false;
  #noiseMs = 0;
  #lastQueueMs = 0;
  /** Time since which there seems to be a queue. */
  #suspectSince: Milli | undefined;
  /** Queue, time and rate at the last reduction, and at the first of the reductions in a row. */
  #reducedMs = 0;
  #reducedAt = milli(Number.NEGATIVE_INFINITY);
  #episodeAt = milli(0);
  #episodeBitsPerSecond = 0;
  #episodeMs = 0;
  #updatedAt: Milli | undefined;
  #responseMs = 200;
  #probesMade = 0;
  #probeAt = milli(Number.NEGATIVE_INFINITY);
  #probePauseMs = PROBE_MS_MIN;

  /** The estimate, with all headers that are sent over the path. */
  get bitsPerSecond(): number {
    return this.#bitsPerSecond;
  }

  /** Fraction of the packets that were lost lately. */
  get lossFraction(): number {
    return this.#loss.fraction;
  }

  /** Mean number of packets that were lost one after the other lately. */
  get lossBurst(): number {
    return this.#loss.burst;
  }

  /** The time that the newest reported packets have waited in queues. */
  get queueMs(): number {
    return this.#queue.delayMs;
  }

  /** Sets the most that the sender can use. The estimate does not exceed it. */
  limit(bitsPerSecondMax: number): void {
    this.#max = Math.max(BITS_PER_SECOND_MIN, bitsPerSecondMax);
    this.#bitsPerSecond = Math.min(this.#bitsPerSecond, this.#max);
  }

  /** Adds what became of a packet; see PacketSink in history.ts. Packets come in the order of sending, then `update`. */
  packet(departedAt: Milli, arrivedAt: Milli, bytes: number, cluster: number, count: number): void {
    const isLost = Number.isNaN(arrivedAt);
    this.#loss.packet(isLost, count);
    this.#throughput.add(departedAt, arrivedAt, bytes);
    if (cluster !== 0) this.#probes.packet(cluster, departedAt, arrivedAt, bytes);
    if (isLost) return;
    this.#queue.add(departedAt, arrivedAt);
  }

  /**
   * Computes the estimate after a report's packets were added.
   * @param now time of the report
   * @param responseMs time from sending a packet to its report
   */
  update(now: Milli, responseMs: number): void {
    const elapsedMs = Math.min(500, now - (this.#updatedAt ?? now));
    this.#updatedAt = now;
    this.#responseMs = responseMs;
    const queueMs = this.#queue.delayMs;
    const changeMs = Math.min(NOISE_MS_MAX, Math.abs(queueMs - this.#lastQueueMs));
    this.#noiseMs += NOISE_SHARE * (changeMs - this.#noiseMs);
    this.#lastQueueMs = queueMs;
    this.#checkProbe(now, queueMs);
    if (this.#isDraining) this.#drain(now, queueMs);
    else if (queueMs > this.#high) this.#suspect(now, queueMs);
    else if (queueMs < this.#high / 2) this.#grow(elapsedMs);
    if (queueMs <= this.#high) this.#suspectSince = undefined;
    this.#checkLoss(now, queueMs);
    this.#bitsPerSecond = Math.max(BITS_PER_SECOND_MIN, Math.min(this.#max, this.#bitsPerSecond));
  }

  /** Returns the probe to send now, or undefined if there is nothing to find out. */
  nextProbe(now: Milli): Probe | undefined {
    if (this.#isDraining || this.#probes.isBusy || now < this.#probeAt) return undefined;
    if (this.#bitsPerSecond >= this.#max || this.#queue.delayMs > this.#low) return undefined;
    const factor = PROBE_FACTORS[this.#probesMade] ?? PROBE_FACTOR;
    this.#probesMade++;
    return this.#probes.begin(Math.min(factor * this.#bitsPerSecond, 1.2 * this.#max), now);
  }

  get #high(): number {
    return QUEUE_MS_HIGH + NOISE_HIGH * this.#noiseMs;
  }

  get #low(): number {
    return QUEUE_MS_LOW + NOISE_LOW * this.#noiseMs;
  }

  #checkProbe(now: Milli, queueMs: number): void {
    const result = this.#probes.result(now);
    if (result === undefined) return;
    const { bitsPerSecond, isSaturated } = result;
    const found = isSaturated ? PROBE_SHARE * bitsPerSecond : bitsPerSecond;
    // NaN, a failed probe, is not greater either.
    if (!this.#isDraining && queueMs < this.#high && found > 1.05 * this.#bitsPerSecond) {
      this.#bitsPerSecond = found;
      this.#capacity = isSaturated ? bitsPerSecond : undefined;
      this.#probePauseMs = PROBE_MS_MIN;
      // A path that carried all of the probe may carry still more.
      this.#probeAt = isSaturated ? milli(now + this.#probePauseMs) : now;
      return;
    }
    this.#probeAt = milli(now + this.#probePauseMs);
    this.#probePauseMs = Math.min(PROBE_MS_MAX, this.#probePauseMs * 1.5);
  }

  #suspect(now: Milli, queueMs: number): void {
    this.#suspectSince ??= now;
    if (this.#isHeldUp() || now - this.#suspectSince >= SUSPECT_MS) this.#reduce(now, queueMs);
  }

  /** Whether less arrives than is sent. */
  #isHeldUp(): boolean {
    const sent = this.#throughput.sentBitsPerSecond(CAPACITY_WINDOW_MS);
    return this.#throughput.bitsPerSecond(CAPACITY_WINDOW_MS) < ARRIVING_MIN * sent;
  }

  /** Lowers the rate so that the queue on the path drains. A full path carries exactly as much as arrives now. */
  #reduce(now: Milli, queueMs: number): void {
    const arriving = this.#throughput.bitsPerSecond(CAPACITY_WINDOW_MS);
    if (!this.#isDraining) {
      this.#episodeAt = now;
      this.#episodeBitsPerSecond = this.#bitsPerSecond;
      this.#episodeMs = queueMs;
    }
    const share = Math.max(DRAIN_MIN, DRAIN_MAX - (queueMs - this.#high) * DRAIN_PER_MS);
    const isIdle = arriving < USED_MIN * this.#bitsPerSecond && !this.#isHeldUp();
    this.#capacity = isIdle ? undefined : arriving;
    const lower = isIdle ? Math.max(arriving, STEP_DOWN * this.#bitsPerSecond) : share * arriving;
    this.#bitsPerSecond = Math.min(this.#bitsPerSecond, lower);
    this.#isDraining = true;
    this.#reducedAt = now;
    this.#reducedMs = queueMs;
  }

  #drain(now: Milli, queueMs: number): void {
    if (queueMs < this.#low) {
      this.#isDraining = false;
      this.#bitsPerSecond = Math.max(this.#bitsPerSecond, SETTLE * (this.#capacity ?? 0));
      this.#probeAt = milli(now + PROBE_MS_MIN);
      return;
    }
    const isRising = queueMs > this.#reducedMs + 2;
    if (isRising || (now - this.#reducedAt > this.#responseMs + CAPACITY_WINDOW_MS && queueMs > 0.9 * this.#reducedMs))
      this.#reduce(now, queueMs);
    const isLong = now - this.#episodeAt > UNRESPONSIVE_MS + this.#responseMs;
    const sendsLess = this.#bitsPerSecond < UNRESPONSIVE_SHARE * this.#episodeBitsPerSecond;
    if (isLong && sendsLess && queueMs > 0.75 * this.#episodeMs && queueMs < 1.5 * this.#episodeMs) {
      this.#queue.rebase();
      this.#isDraining = false;
      this.#bitsPerSecond = UNRESPONSIVE_SHARE * this.#episodeBitsPerSecond;
      this.#probeAt = milli(now + PROBE_MS_MIN);
    }
  }

  #grow(elapsedMs: number): void {
    if (this.#throughput.bitsPerSecond(THROUGHPUT_WINDOW_MS) < USED_MIN * this.#bitsPerSecond) return;
    // If no queue builds up above what the path carried before, it carries more now.
    if (this.#capacity !== undefined && this.#bitsPerSecond > 1.1 * this.#capacity) this.#capacity = undefined;
    const isNear = this.#capacity !== undefined && this.#bitsPerSecond > 0.8 * this.#capacity;
    this.#bitsPerSecond *= 1 + ((isNear ? GROWTH_NEAR : GROWTH_FAR) * elapsedMs) / 1000;
  }

  #checkLoss(now: Milli, queueMs: number): void {
    const excess = this.#loss.update(now, this.#responseMs + CAPACITY_WINDOW_MS);
    if (excess === 0) return;
    // With loss, what arrives is what the path carries. With a queue too, the rate was lowered already.
    const arriving = this.#throughput.bitsPerSecond(CAPACITY_WINDOW_MS);
    if (this.#isDraining || queueMs > this.#high) return;
    this.#capacity = arriving;
    this.#bitsPerSecond = Math.min(this.#bitsPerSecond, Math.max(arriving, (1 - excess) * this.#bitsPerSecond));
    this.#probeAt = milli(now + PROBE_MS_MAX);
  }
}
