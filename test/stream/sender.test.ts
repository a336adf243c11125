import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { milli } from '../../host/base/time.ts';
import type { Feedback } from '../../host/stream/player.ts';
import { VideoSender, type VideoSenderOptions } from '../../host/stream/sender.ts';
import { at } from '../at.ts';
import { accessUnit } from './fixture.ts';
import { writeFeedback } from './rtp/feedback-writer.ts';
import { FlexFecDecoder } from './rtp/flexfec-decoder.ts';

const STREAMS = { ssrc: 0x01020304, rtxSsrc: 0x05060708, repairSsrc: 0x090a0b0c };
const OFFER = {
  codec: 'h264' as const,
  payloadType: 108,
  rtxPayloadType: 109,
  repairPayloadType: 0,
  extensions: { playoutDelay: 5, absoluteSendTime: 2, transportSequence: 3 },
};
/** Without the transport-wide count, a page reports no arrivals. */
const PLAIN = { ...OFFER, rtxPayloadType: 0, extensions: { ...OFFER.extensions, transportSequence: 0 } };
/** A page that takes repair packets. */
const REPAIRING = { ...OFFER, repairPayloadType: 49 };
const HEADER_BYTES = 28;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start(options: Partial<VideoSenderOptions> = {}) {
  const rtp: Buffer[] = [];
  const rtcp: Buffer[] = [];
  const feedback: Feedback[] = [];
  let keyframes = 0;
  const sender = new VideoSender({
    offer: OFFER,
    streams: STREAMS,
    clock: { now: () => milli(performance.now()) },
    clockOriginMs: 0,
    bitsPerSecondMax: 20_000_000,
    send: (packet) => (packet[1] === 200 ? rtcp : rtp).push(Buffer.from(packet)) > 0,
    onKeyframe: () => keyframes++,
    onFeedback: (told) => feedback.push({ ...told }),
    ...options,
  });
  return { sender, rtp, rtcp, feedback, keyframes: () => keyframes };
}

const info = (index: number, keyframe = false) => ({ rtpTimestamp: index * 1500, keyframe });
const isVideo = (packet: Buffer) => packet.readUInt32BE(8) === STREAMS.ssrc;
const sequenceOf = (packet: Buffer) => packet.readUInt16BE(2);
const transportOf = (packet: Buffer) => packet.readUInt16BE(25);

/** Writes an RTCP request for packets that are missing. */
function missing(...sequences: number[]): Buffer {
  const packet = Buffer.alloc(12 + 4 * sequences.length);
  packet.set([0x81, 205]);
  packet.writeUInt16BE(packet.length / 4 - 1, 2);
  packet.writeUInt32BE(STREAMS.ssrc, 8);
  for (const [index, sequence] of sequences.entries()) packet.writeUInt16BE(sequence, 12 + 4 * index);
  return packet;
}

test('the packets of a frame have its time and follow each other, and the last one is marked', () => {
  const { sender, rtp } = start();
  expect(sender.sendFrame(accessUnit(3000, true), info(7, true))).toBe(true);
  vi.advanceTimersByTime(10);
  const video = rtp.filter(isVideo);
  expect(video.map((packet) => packet.readUInt8(1))).toEqual([108, 108, 108 | 0x80]);
  for (const packet of video) expect(packet.readUInt32BE(4)).toBe(7 * 1500);
  expect(sequenceOf(at(video, 2)) - sequenceOf(at(video, 0))).toBe(2);
  sender.close();
});

test('a large frame is spread, and until it has left there is no room for another', () => {
  const { sender, rtp } = start();
  expect(sender.ready).toBe(true);
  sender.sendFrame(accessUnit(50_000, true), info(0, true));
  expect(rtp.length).toBeLessThan(12);
  expect(sender.ready).toBe(false);
  vi.advanceTimersByTime(200);
  const packets = Math.ceil(50_000 / (1212 - HEADER_BYTES - 2));
  expect(rtp.filter(isVideo)).toHaveLength(packets);
  const transport = rtp.map(transportOf);
  expect(transport).toEqual(transport.map((_, index) => index));
  sender.close();
});

test('a frame ends when its last packet has left, and only once, although packets are sent again', () => {
  const ended: [number, number][] = [];
  const { sender, rtp } = start({ onFrameSent: (rtpTimestamp, now) => void ended.push([rtpTimestamp, now]) });
  const begun = performance.now();
  sender.sendFrame(accessUnit(50_000, true), info(1, true));
  sender.sendFrame(accessUnit(100, false), info(2));
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(200);
  sender.receive(missing(sequenceOf(at(rtp.filter(isVideo), -2))));
  vi.advanceTimersByTime(200);
  expect(ended.map(([rtpTimestamp]) => rtpTimestamp)).toEqual([1500, 3000]);
  expect(at(ended, 0)[1]).toBeGreaterThan(begun + 5);
  sender.close();
});

test('a small frame has left at once, and one that does not fit any more has no end', () => {
  const ended: number[] = [];
  const { sender } = start({ onFrameSent: (rtpTimestamp) => void ended.push(rtpTimestamp) });
  sender.sendFrame(accessUnit(100, true), info(1, true));
  expect(ended).toEqual([1500]);
  expect(sender.sendFrame(accessUnit(2_000_000, false), info(2))).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(ended).toEqual([1500]);
  sender.close();
});

test('more than half of the packets that are kept never wait', () => {
  const { sender } = start();
  let sent = 0;
  while (sender.sendFrame(accessUnit(100_000, true), info(sent, true))) sent++;
  expect(sent).toBeGreaterThan(1);
  expect(sent).toBeLessThan(6);
  sender.close();
});

test('a page that reports no arrivals gets every frame at once', () => {
  const { sender, rtp } = start({ offer: PLAIN });
  sender.sendFrame(accessUnit(50_000, true), info(0, true));
  expect(rtp.length).toBeGreaterThan(40);
  expect(sender.ready).toBe(true);
  sender.close();
});

test('a packet that the page misses is sent again on the stream for that, with its number and its payload', () => {
  const { sender, rtp } = start();
  sender.sendFrame(accessUnit(3000, true), info(0, true));
  vi.advanceTimersByTime(100);
  const lost = at(rtp, 1);
  rtp.length = 0;
  sender.receive(missing(sequenceOf(lost)));
  const again = at(rtp, 0);
  expect(rtp).toHaveLength(1);
  expect([again.readUInt8(1) & 0x7f, again.readUInt32BE(8)]).toEqual([109, STREAMS.rtxSsrc]);
  expect(again.readUInt32BE(4)).toBe(lost.readUInt32BE(4));
  expect(again.readUInt16BE(HEADER_BYTES)).toBe(sequenceOf(lost));
  expect(again.subarray(HEADER_BYTES + 2)).toEqual(lost.subarray(HEADER_BYTES));
  expect(sender.packetsResent).toBe(1);
  sender.close();
});

test('packets, repeated packets and the times until pages report arrivals are counted for the whole host', () => {
  const counts = { sent: 10, resent: 5 };
  const responses: number[] = [];
  const { sender, rtp } = start({ counts, onResponse: (ms) => void responses.push(ms) });
  sender.sendFrame(accessUnit(3000, true), info(0, true));
  vi.advanceTimersByTime(100);
  sender.receive(missing(sequenceOf(at(rtp, 1))));
  expect(counts).toEqual({ sent: 10 + rtp.length, resent: 6 });
  expect(responses).toEqual([]);
  vi.advanceTimersByTime(40);
  sender.receive(writeFeedback({ first: 0, arrivals: rtp.map((_, index) => 640 + index) }));
  expect(responses).toHaveLength(1);
  expect(at(responses, 0)).toBeGreaterThanOrEqual(40);
  sender.close();
});

test('without a stream for that, the packet is sent again as it was', () => {
  const { sender, rtp } = start({ offer: PLAIN });
  sender.sendFrame(accessUnit(3000, true), info(0, true));
  const lost = at(rtp, 2);
  rtp.length = 0;
  vi.advanceTimersByTime(1);
  sender.receive(missing(sequenceOf(lost)));
  const again = at(rtp, 0);
  expect([sequenceOf(again), again.readUInt8(1)]).toEqual([sequenceOf(lost), lost.readUInt8(1)]);
  expect(again.subarray(24)).toEqual(lost.subarray(24));
  sender.close();
});

test.each([
  [5_000_000, true],
  [1_000_000, false],
])(
  'a page that reports no arrivals and may get %i bit/s gets 100 packets in a second again: %s',
  (bitsPerSecondMax, isMet) => {
    const { sender, rtp, keyframes } = start({ offer: PLAIN, bitsPerSecondMax });
    for (let index = 0; index < 100; index++) {
      rtp.length = 0;
      sender.sendFrame(accessUnit(3000, index === 0), info(index, index === 0));
      const lost = sequenceOf(at(rtp, 1));
      vi.advanceTimersByTime(9);
      sender.receive(missing(lost));
    }
    // Repeated packets may take 40 % of what the path carries.
    expect([sender.packetsResent === 100, keyframes() === 0]).toEqual([isMet, isMet]);
    sender.close();
  },
);

test.each([
  ['a page that reports no arrivals, and plays everything some time later, gets', PLAIN, 1],
  ['a page that shows the newest frame does not get', OFFER, 0],
])('%s a packet again that was sent before the newest keyframe', (_, offer, count) => {
  const { sender, rtp, keyframes } = start({ offer });
  sender.sendFrame(accessUnit(3000, true), info(0, true));
  vi.advanceTimersByTime(100);
  const lost = sequenceOf(at(rtp, 1));
  sender.sendFrame(accessUnit(3000, true), info(1, true));
  vi.advanceTimersByTime(100);
  sender.receive(missing(lost));
  vi.advanceTimersByTime(100);
  expect([sender.packetsResent, keyframes()]).toEqual([count, 0]);
  sender.close();
});

/** Sends frames to a page that reports arrivals, and of which one packet in 33 is lost if `isLossy`. Each report comes after `responseMs`. */
function stream({ sender, rtp }: ReturnType<typeof start>, isLossy: boolean, responseMs = 16): void {
  let reported = 0;
  const sentAt: number[] = [];
  for (let index = 0; index < 200; index++) {
    sender.sendFrame(accessUnit(8000, index === 0), info(index, index === 0));
    vi.advanceTimersByTime(16);
    while (sentAt.length < rtp.length) sentAt.push(index * 16);
    const due = sentAt.filter((ms) => ms <= index * 16 + 16 - responseMs).length;
    if (due === reported) continue;
    const arrivals = sentAt
      .slice(reported, due)
      .map((ms, at) => (isLossy && (reported + at) % 33 === 0 ? Number.NaN : 640 + ms + at / 4));
    sender.receive(writeFeedback({ first: reported & 0xffff, arrivals }));
    reported = due;
  }
  rtp.length = 0;
}

test.each([
  [false, 20],
  [true, 40],
])(
  'to a page that takes no repair packets, 20 packets of video are sent twice if packets are lost: %s',
  (isLossy, packets) => {
    const started = start();
    const { sender, rtp } = started;
    stream(started, isLossy);
    sender.sendFrame(accessUnit(20 * 1150, false), info(200));
    vi.advanceTimersByTime(100);
    expect(rtp.filter(isVideo)).toHaveLength(20);
    const again = rtp.filter((packet) => !isVideo(packet)).map((packet) => packet.readUInt16BE(HEADER_BYTES));
    if (packets === 40) for (const packet of rtp.filter(isVideo)) expect(again).toContain(sequenceOf(packet));
    else expect(sender.packetsResent).toBe(0);
    sender.close();
  },
);

test('a page that takes repair packets gets none while nothing is lost', () => {
  const started = start({ offer: REPAIRING });
  stream(started, false);
  started.sender.sendFrame(accessUnit(8000, false), info(200));
  vi.advanceTimersByTime(100);
  expect([started.sender.repairsSent, started.sender.packetsResent]).toEqual([0, 0]);
  started.sender.close();
});

test('if packets are lost, each frame is followed by repair packets, from which the page computes any that it misses', () => {
  const started = start({ offer: REPAIRING });
  const { sender, rtp } = started;
  stream(started, true);
  sender.sendFrame(accessUnit(8000, false), info(200));
  vi.advanceTimersByTime(100);
  const video = rtp.filter(isVideo);
  const repairs = rtp.filter((packet) => packet.readUInt32BE(8) === STREAMS.repairSsrc);
  expect(video).toHaveLength(7);
  expect(repairs.length).toBeGreaterThan(0);
  expect(rtp).toEqual([...video, ...repairs]);
  for (const packet of repairs) {
    expect([packet.readUInt8(1), packet.readUInt32BE(4)]).toEqual([49, 200 * 1500]);
    expect(packet.length).toBeLessThanOrEqual(1214);
  }
  for (const lost of video) {
    const decoder = new FlexFecDecoder({ ssrc: STREAMS.ssrc, repairSsrc: STREAMS.repairSsrc, mutableIds: [2, 3] });
    for (const packet of rtp) if (packet !== lost) decoder.add(packet);
    const recovered = decoder.recovered.get(sequenceOf(lost));
    expect(recovered?.subarray(HEADER_BYTES)).toEqual(lost.subarray(HEADER_BYTES));
  }
  sender.close();
});

test('the rate of the video leaves room for the repair packets', () => {
  const rateOf = (isLossy: boolean) => {
    const started = start({ offer: REPAIRING });
    stream(started, isLossy);
    started.sender.close();
    return at(started.feedback, -1).videoBitsPerSecond;
  };
  const share = rateOf(true) / rateOf(false);
  expect(share).toBeGreaterThan(0.5);
  expect(share).toBeLessThan(0.85);
});

test('repair packets of a long path are more, and a packet that the page misses nevertheless is sent again once', () => {
  const counts = [16, 200].map((responseMs) => {
    const started = start({ offer: REPAIRING });
    const { sender, rtp } = started;
    stream(started, true, responseMs);
    sender.sendFrame(accessUnit(14 * 1100, false), info(200));
    vi.advanceTimersByTime(100);
    const [lost] = rtp.filter(isVideo);
    const repairs = rtp.length - rtp.filter(isVideo).length;
    rtp.length = 0;
    sender.receive(missing(sequenceOf(lost as Buffer)));
    vi.advanceTimersByTime(100);
    sender.close();
    return { repairs, again: rtp.length };
  });
  expect(at(counts, 1).repairs).toBeGreaterThan(at(counts, 0).repairs);
  expect(counts.map(({ again }) => again)).toEqual([2, 1]);
});

test('a page that reports no arrivals gets no repair packets', () => {
  const { sender, rtp } = start({ offer: { ...PLAIN, repairPayloadType: 49 } });
  sender.receive(Buffer.from('81c90007000000010102030420'.padEnd(64, '0'), 'hex'));
  sender.sendFrame(accessUnit(8000, true), info(0, true));
  vi.advanceTimersByTime(100);
  expect(rtp.filter((packet) => !isVideo(packet))).toEqual([]);
  sender.close();
});

test('a page asks for a keyframe with a picture loss indication', () => {
  const { sender, keyframes } = start();
  sender.receive(Buffer.from('81ce0002' + '00000001' + '01020304', 'hex'));
  expect(keyframes()).toBe(1);
  sender.close();
});

test('the first report of arrivals tells what the path carries', () => {
  const { sender, rtp, feedback } = start();
  sender.sendFrame(accessUnit(3000, true), info(0, true));
  vi.advanceTimersByTime(50);
  sender.receive(writeFeedback({ first: 0, arrivals: rtp.map((_, index) => 640 + index) }));
  expect(feedback).toHaveLength(1);
  expect(at(feedback, 0)).toMatchObject({ lossFraction: 0, queueMs: 0 });
  expect(at(feedback, 0).videoBitsPerSecond).toBeGreaterThan(500_000);
  sender.close();
});

test('a loss that a page reports lowers what is sent to it, even if it reports no arrivals', () => {
  const { sender, feedback } = start({ offer: PLAIN, bitsPerSecondMax: 10_000_000 });
  const half = Buffer.from('81c90007000000010102030480'.padEnd(64, '0'), 'hex');
  sender.receive(half);
  expect(at(feedback, 0).lossFraction).toBe(0.5);
  expect(at(feedback, 0).videoBitsPerSecond).toBeLessThan(5_000_000);
  sender.close();
});

test('a path on which nothing arrives gets only a few frames, until a report comes', () => {
  const { sender, rtp } = start();
  sender.sendFrame(accessUnit(100, true), info(0, true));
  vi.advanceTimersByTime(500);
  expect(sender.ready).toBe(true);
  vi.advanceTimersByTime(100);
  sender.sendFrame(accessUnit(100, false), info(1));
  expect(sender.ready).toBe(false);
  vi.advanceTimersByTime(251);
  expect(sender.ready).toBe(true);
  sender.sendFrame(accessUnit(100, false), info(2));
  expect(sender.ready).toBe(false);
  sender.receive(writeFeedback({ first: 0, arrivals: rtp.map((_, index) => 640 + index) }));
  vi.advanceTimersByTime(40);
  expect(sender.ready).toBe(true);
  sender.close();
});

test('a sender report follows each second once something was sent, and none after the end', () => {
  const { sender, rtcp } = start();
  vi.advanceTimersByTime(3000);
  expect(rtcp).toHaveLength(0);
  sender.sendFrame(accessUnit(100, true), info(0, true));
  vi.advanceTimersByTime(3000);
  expect(rtcp).toHaveLength(3);
  sender.close();
  vi.advanceTimersByTime(3000);
  expect(rtcp).toHaveLength(3);
});
