import { randomInt } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';
import { BandwidthEstimator, START_BITS_PER_SECOND } from './congestion/estimator.ts';
import { PacketHistory } from './congestion/history.ts';
import { ReceiverEstimate } from './congestion/receiver.ts';
import type { StreamIds } from './media.ts';
import type { Offer } from './offer.ts';
import { Pacer } from './pacer.ts';
import type { Feedback, FrameInfo } from './player.ts';
import { Protection, type ProtectionKind } from './protection.ts';
import { Repairs } from './repairs.ts';
import { copiesAt, Retransmissions } from './retransmissions.ts';
import { type ReceiverReport, RTCP_FEEDBACK, RTCP_KEYFRAME, readRtcp } from './rtcp.ts';
import { RTP_BYTES_MAX, RtpHeaders } from './rtp/header.ts';
import { PacketStore } from './rtp/packet-store.ts';
import { H264Packetizer, type Packetizer, Vp8Packetizer } from './rtp/packetizer.ts';
import { SenderReport } from './rtp/sender-report.ts';
import { TransportFeedback } from './rtp/transport-feedback.ts';

/** Period of the pacer's timer, and of the sender's other work. */
const PACE_MS = 1;
const BEAT_MS = 100;
const BEATS_PER_REPORT = 10;
/**
 * Without a report of arrivals for this many beats, packets do not arrive, and only a few frames are sent to find out when they do
 * again. Beats are counted instead of time, because a host that was busy has read no reports either.
 */
const SILENT_BEATS_MAX = 5;
const SILENT_FRAME_MS = 100;
/** Share of what the path carries that is left for video: the rest is headers and repeated packets. */
const VIDEO_SHARE = 0.92;
/** Most packets that wait for the pacer, as a share of those that are kept. */
const WAITING_MAX = 0.5;
/** Number of bytes by which a repeated packet is longer than the first one: the number of the first one. */
const RTX_BYTES = 2;

export interface VideoSenderOptions {
  offer: Pick<Offer, 'codec' | 'payloadType' | 'rtxPayloadType' | 'repairPayloadType' | 'extensions'>;
  streams: StreamIds;
  clock: Pick<Clock, 'now'>;
  /** The zero of `clock`, in milliseconds since 1970. */
  clockOriginMs: number;
  /** Upper bound of what is sent, until `limit` is called. */
  bitsPerSecondMax: number;
  /** Sends one RTP or RTCP packet. The buffer is valid during the call only. @returns false if it was not sent */
  send(packet: Buffer): boolean;
  /** The page asks for a keyframe. */
  onKeyframe(): void;
  onFeedback(feedback: Readonly<Feedback>): void;
  /** Counts the packets of all connections. */
  counts?: { sent: number; resent: number };
  /** The page has reported that a packet arrived, this long after the packet was sent. */
  onResponse?(ms: number): void;
  /** The last packet of a frame has left, or was refused by the transport. */
  onFrameSent?(rtpTimestamp: number, now: Milli): void;
}

/**
 * Sends one video stream as RTP packets. It spreads large frames in time, sends packets again that the page misses, and finds out
 * how much the path to the page carries.
 */
export class VideoSender {
  readonly #options: VideoSenderOptions;
  readonly #headers: RtpHeaders;
  readonly #packetizer: Packetizer;
  readonly #store = new PacketStore();
  readonly #history = new PacketHistory();
  readonly #estimator = new BandwidthEstimator();
  /** The estimate for a page that does not report arrivals; undefined if it does. */
  readonly #receiver: ReceiverEstimate | undefined;
  readonly #pacer = new Pacer(START_BITS_PER_SECOND);
  readonly #arrivals = new TransportFeedback();
  readonly #missing: Retransmissions;
  readonly #protection: Protection;
  /** Undefined if the page takes no repair packets. */
  readonly #repairs: Repairs | undefined;
  readonly #senderReport: SenderReport;
  readonly #report: ReceiverReport = { lossFraction: 0, rembBitsPerSecond: 0 };
  readonly #feedback: Feedback = { lossFraction: 0, videoBitsPerSecond: 0, queueMs: 0 };
  readonly #rtxPacket = Buffer.alloc(RTP_BYTES_MAX + RTX_BYTES);
  readonly #fields = { payloadType: 0, marker: false, sequence: 0, timestamp: 0, ssrc: 0 };
  // Counts of the video's packets, which do not wrap: the next to be sent, and the next to be made.
  #next: number;
  #end: number;
  #rtxSequence = randomInt(2 ** 15);
  /** Bytes that the current probe still has to send, and its number. */
  #probeBytes = 0;
  #cluster = 0;
  /** Time from sending a packet to the report of its arrival. */
  #responseMs = 150;
  #sentFrameAt = milli(Number.NEGATIVE_INFINITY);
  #beats = 0;
  #silentBeats = 0;
  readonly #beatTimer: NodeJS.Timeout;
  #paceTimer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Number of packets that were sent again because the page missed them. */
  packetsResent = 0;
  /** Number of repair packets that were sent. */
  repairsSent = 0;

  constructor(options: VideoSenderOptions) {
    this.#options = options;
    const { offer, streams, bitsPerSecondMax } = options;
    this.#headers = new RtpHeaders(offer.extensions);
    this.#receiver = offer.extensions.transportSequence > 0 ? undefined : new ReceiverEstimate(bitsPerSecondMax);
    this.#repairs = this.#receiver === undefined ? this.#createRepairs() : undefined;
    this.#protection = new Protection(this.#protectionKind);
    // A repair packet may be as long as a packet that is sent again.
    const extraBytes = this.#repairs ? Repairs.extraBytes(this.#headers) - RTX_BYTES : 0;
    const payloadBytesMax = RTP_BYTES_MAX - this.#headers.bytes - extraBytes;
    this.#packetizer =
      offer.codec === 'h264' ? new H264Packetizer(payloadBytesMax) : new Vp8Packetizer(payloadBytesMax);
    this.#senderReport = new SenderReport(streams.ssrc, 'nearlight');
    // A program that is not a browser has a buffer, and does not report arrivals.
    this.#missing = new Retransmissions(this.#store, { playsLater: this.#receiver !== undefined });
    // SRTP recommends a first sequence number in the lower half (RFC 3711, 3.3.1).
    this.#next = this.#end = randomInt(2 ** 15);
    this.limit(bitsPerSecondMax);
    this.#beatTimer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  /** Sets the most that the video can use, with headers. */
  limit(bitsPerSecondMax: number): void {
    this.#estimator.limit(bitsPerSecondMax);
    this.#receiver?.limit(bitsPerSecondMax);
    if (this.#receiver) this.#missing.setRate(this.#receiver.bitsPerSecond);
  }

  /** Whether the path has room for another frame now. A frame that is encoded nevertheless can still be sent. */
  get ready(): boolean {
    if (this.#receiver) return true;
    const now = this.#options.clock.now();
    if (this.#silentBeats > SILENT_BEATS_MAX) return now - this.#sentFrameAt > SILENT_FRAME_MS;
    return this.#next === this.#end && this.#pacer.hasRoom(now);
  }

  /** Sends one access unit, at once or spread over some milliseconds. @returns false if too many packets wait already */
  sendFrame(accessUnit: Uint8Array, { rtpTimestamp, keyframe }: Pick<FrameInfo, 'rtpTimestamp' | 'keyframe'>): boolean {
    const now = this.#options.clock.now();
    const { buffer, byteOffset, byteLength } = accessUnit;
    const unit = Buffer.from(buffer, byteOffset, byteLength);
    const packets = Math.ceil(byteLength / (RTP_BYTES_MAX / 2));
    if (this.#end - this.#next + packets > WAITING_MAX * this.#store.capacity) return false;
    if (keyframe) this.#missing.startAnew();
    const fields = this.#fields;
    fields.payloadType = this.#options.offer.payloadType;
    fields.timestamp = rtpTimestamp >>> 0;
    fields.ssrc = this.#options.streams.ssrc;
    const first = this.#end;
    this.#packetizer.write(unit, this);
    this.#addRepairs(first, byteLength, fields.timestamp);
    this.#sentFrameAt = now;
    this.#beginProbe(now);
    return this.#pump();
  }

  /** Makes the next packet of the frame; see PayloadSink. */
  open(bytes: number, isLast: boolean): Uint8Array {
    const fields = this.#fields;
    fields.marker = isLast;
    fields.sequence = this.#end++ & 0xffff;
    const packet = this.#store.open(fields.sequence, this.#headers.bytes + bytes);
    this.#headers.write(packet, fields);
    return packet.subarray(this.#headers.bytes);
  }

  /** Reads an RTCP packet of the page. */
  receive(packet: Buffer): void {
    const found = readRtcp(packet, this.#options.streams.ssrc, this.#report, this);
    if (found & RTCP_KEYFRAME) this.#options.onKeyframe();
    if (!(found & RTCP_FEEDBACK) || !this.#receiver) return;
    const { lossFraction, rembBitsPerSecond } = this.#report;
    this.#receiver.update(lossFraction, rembBitsPerSecond);
    this.#missing.setRate(this.#receiver.bitsPerSecond);
    this.#tell(lossFraction, this.#receiver.bitsPerSecond);
  }

  /** The page misses a packet; see PacketFeedback. */
  onMissing(sequence: number): void {
    const now = this.#options.clock.now();
    if (!this.#missing.request(sequence, now, this.#copies)) {
      this.#missing.startAnew();
      this.#options.onKeyframe();
    }
    this.#pump();
  }

  /** The page reports when packets arrived; see PacketFeedback. */
  onArrivals(packet: Buffer): void {
    const arrivals = this.#arrivals;
    if (this.#receiver || !arrivals.read(packet)) return;
    const now = this.#options.clock.now();
    const newest = this.#history.report(arrivals.first, arrivals.count, arrivals.arrivals, this.#estimator);
    if (newest === undefined) return;
    this.#silentBeats = 0;
    this.#options.onResponse?.(now - newest);
    this.#responseMs += (now - newest - this.#responseMs) / 4;
    this.#estimator.update(now, this.#responseMs);
    this.#pacer.setRate(this.#estimator.bitsPerSecond, now);
    this.#missing.setRate(this.#estimator.bitsPerSecond);
    this.#tell(this.#estimator.lossFraction, this.#estimator.bitsPerSecond);
  }

  /** Takes frames at their usual rate again, because packets of the page arrive after a time without any. */
  resume(): void {
    this.#silentBeats = 0;
  }

  /** Notes that a packet of this connection leaves the machine now. The packet may be any, and encrypted. */
  noteDeparted(packet: Buffer, now: Milli): void {
    const sequence = this.#headers.transportSequenceOf(packet);
    if (sequence !== undefined) this.#history.noteDeparted(sequence, now);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#beatTimer);
    clearTimeout(this.#paceTimer);
  }

  #tell(lossFraction: number, bitsPerSecond: number): void {
    const feedback = this.#feedback;
    feedback.lossFraction = lossFraction;
    const video = bitsPerSecond * VIDEO_SHARE;
    const { lossBurst } = this.#estimator;
    const path = { lossFraction, lossBurst, responseMs: this.#responseMs, videoBitsPerSecond: video };
    this.#protection.update(path, this.#options.clock.now());
    const repeated = Math.min(0.5, lossFraction * this.#copies);
    feedback.videoBitsPerSecond = (video * (1 - repeated)) / (1 + this.#protection.overhead);
    feedback.queueMs = this.#estimator.queueMs;
    this.#options.onFeedback(feedback);
  }

  /** How often a packet that the page misses is sent again. */
  get #copies(): number {
    return this.#protection.replacesRequests ? 1 : copiesAt(this.#feedback.lossFraction);
  }

  get #protectionKind(): ProtectionKind {
    if (this.#repairs) return 'repairs';
    return this.#receiver === undefined && this.#options.offer.rtxPayloadType > 0 ? 'copies' : 'none';
  }

  #createRepairs(): Repairs | undefined {
    const { offer, streams } = this.#options;
    const { repairPayloadType: payloadType } = offer;
    const [headers, store] = [this.#headers, this.#store];
    if (payloadType === 0) return undefined;
    return new Repairs({ headers, store, payloadType, ssrc: streams.repairSsrc, mediaSsrc: streams.ssrc });
  }

  /** Makes the repair packets of the newest frame. They are computed before its packets get what is written when they are sent. */
  #addRepairs(first: number, bytes: number, rtpTimestamp: number): void {
    const { repairsOf } = this.#protection;
    const repairBytes = repairsOf
      ? this.#repairs?.add({ first, count: this.#end - first, rtpTimestamp }, repairsOf)
      : 0;
    this.#protection.addFrame(bytes, repairBytes ?? 0);
  }

  /** Begins a probe with a frame, so that most of its packets are of use. Without repeated packets there is nothing to fill it. */
  #beginProbe(now: Milli): void {
    if (this.#receiver || this.#options.offer.rtxPayloadType === 0) return;
    const probe = this.#estimator.nextProbe(now);
    if (!probe) return;
    this.#cluster = probe.cluster;
    this.#probeBytes = probe.bytes;
    this.#pacer.setProbe(probe.bitsPerSecond, now);
  }

  /** Sends what may be sent now, and sets a timer for the rest. @returns false if the transport refused a packet */
  #pump(): boolean {
    if (this.#closed) return false;
    clearTimeout(this.#paceTimer);
    this.#paceTimer = undefined;
    let isSent = true;
    for (;;) {
      const now = this.#options.clock.now();
      if (this.#receiver === undefined && !this.#pacer.maySend(now)) break;
      const repeated = this.#missing.next(now);
      const repair = repeated === undefined ? this.#repairs?.next(this.#next) : undefined;
      if (repeated !== undefined) this.#repeat(repeated, now);
      else if (repair) this.#sendRepair(repair, now);
      else if (this.#next !== this.#end) isSent = this.#sendNext(now);
      else if (this.#probeBytes > 0) this.#pad(now);
      else break;
    }
    const isWaiting = this.#missing.isWaiting || this.#next !== this.#end || this.#probeBytes > 0;
    if (isWaiting || this.#repairs?.isWaiting) this.#paceTimer = setTimeout(() => this.#pump(), PACE_MS);
    return isSent;
  }

  #sendNext(now: Milli): boolean {
    const sequence = this.#next++ & 0xffff;
    const packet = this.#store.find(sequence);
    if (!packet) return true;
    if (this.#protection.sendsCopies) this.#missing.protect(sequence, now);
    this.#senderReport.count(packet.length - this.#headers.bytes);
    const isSent = this.#send(packet, now);
    if (isLastOfFrame(packet)) this.#options.onFrameSent?.(packet.readUInt32BE(4), now);
    return isSent;
  }

  #sendRepair(packet: Buffer, now: Milli): void {
    this.repairsSent++;
    this.#send(packet, now);
  }

  /** Sends a packet again, as a packet of the stream for that (RFC 4588) if the page knows it, otherwise as it was. */
  #repeat(sequence: number, now: Milli): void {
    const packet = this.#store.find(sequence);
    if (!packet) return;
    this.packetsResent++;
    const { counts } = this.#options;
    if (counts) counts.resent++;
    const { rtxPayloadType } = this.#options.offer;
    this.#send(rtxPayloadType > 0 ? this.#wrap(packet, sequence, rtxPayloadType) : packet, now);
  }

  /** Fills a probe with the newest packets, which the page drops if it has them. */
  #pad(now: Milli): void {
    const sequence = (this.#end - 1 - (this.#rtxSequence % 8)) & 0xffff;
    const packet = this.#store.find(sequence) ?? this.#store.find((this.#end - 1) & 0xffff);
    if (packet) this.#send(this.#wrap(packet, packet.readUInt16BE(2), this.#options.offer.rtxPayloadType), now);
    else this.#probeBytes = 0;
  }

  #wrap(packet: Buffer, sequence: number, payloadType: number): Buffer {
    const { bytes } = this.#headers;
    const wrapped = this.#rtxPacket;
    const marker = isLastOfFrame(packet);
    const timestamp = packet.readUInt32BE(4);
    this.#rtxSequence = (this.#rtxSequence + 1) & 0xffff;
    const { rtxSsrc: ssrc } = this.#options.streams;
    this.#headers.write(wrapped, { payloadType, marker, sequence: this.#rtxSequence, timestamp, ssrc });
    wrapped.writeUInt16BE(sequence, bytes);
    packet.copy(wrapped, bytes + RTX_BYTES, bytes);
    return wrapped.subarray(0, packet.length + RTX_BYTES);
  }

  #send(packet: Buffer, now: Milli): boolean {
    const cluster = this.#probeBytes > 0 ? this.#cluster : 0;
    this.#headers.stamp(packet, this.#history.add(now, packet.length, cluster), now);
    this.#pacer.spend(packet.length);
    const { counts } = this.#options;
    if (counts) counts.sent++;
    if (cluster !== 0) {
      this.#probeBytes -= packet.length;
      if (this.#probeBytes <= 0) this.#pacer.setProbe(undefined, now);
    }
    return this.#options.send(packet);
  }

  #beat(): void {
    this.#beats++;
    if (this.#history.bytesInFlight > 0) this.#silentBeats++;
    if (this.#beats % BEATS_PER_REPORT === 0 && this.#sentFrameAt > Number.NEGATIVE_INFINITY)
      this.#options.send(this.#senderReport.write(this.#options.clock.now(), this.#options.clockOriginMs));
  }
}

/** Whether the marker bit of an RTP packet is set. */
function isLastOfFrame(packet: Buffer): boolean {
  return ((packet[1] ?? 0) & 0x80) !== 0;
}
