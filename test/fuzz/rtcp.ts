import { milli } from '../../host/base/time.ts';
import type { Feedback } from '../../host/stream/player.ts';
import { VideoSender } from '../../host/stream/sender.ts';
import type { Random } from '../random.ts';
import { writeFeedback } from '../stream/rtp/feedback-writer.ts';

const SSRC = 0x01020304;
const BITS_PER_SECOND_MAX = 20_000_000;
/** A single RTCP packet must not make the host send more packets than this. */
const PACKETS_MAX = 400;

/** Sends video whose page answers with RTCP packets that are partly valid, and checks what the sender makes of them. */
export class RtcpSubject {
  readonly #sender: VideoSender;
  /** Number of RTP packets sent in the current turn, and of all. */
  #sent = 0;
  packets = 0;
  #at = 0;

  constructor() {
    this.#sender = new VideoSender({
      offer: {
        codec: 'h264',
        payloadType: 108,
        rtxPayloadType: 109,
        repairPayloadType: 35,
        extensions: { playoutDelay: 5, absoluteSendTime: 2, transportSequence: 3 },
      },
      streams: { ssrc: SSRC, rtxSsrc: 5, repairSsrc: 6 },
      clock: { now: () => milli(this.#at) },
      clockOriginMs: 0,
      bitsPerSecondMax: BITS_PER_SECOND_MAX,
      send: (packet) => {
        if (packet.length > 1214) throw new Error(`a packet of ${packet.length} bytes`);
        this.#sent++;
        this.packets++;
        return true;
      },
      onKeyframe() {},
      onFeedback: (feedback) => this.#check(feedback),
    });
  }

  /** Sends a frame and one RTCP packet that is made from the random numbers. @throws Error if the sender misbehaves */
  step(random: Random): void {
    this.#at += random.below(40);
    this.#sent = 0;
    const unit = Buffer.alloc(5 + random.below(20_000), 1 + random.below(255));
    unit.set([0, 0, 0, 1, 0x65]);
    this.#sender.sendFrame(unit, { rtpTimestamp: random.u32(), keyframe: random.percent(5) });
    this.#sender.receive(makeRtcp(random, this.packets));
    if (this.#sent > PACKETS_MAX) throw new Error(`${this.#sent} packets at once`);
  }

  close(): void {
    this.#sender.close();
  }

  #check({ lossFraction, videoBitsPerSecond, queueMs }: Readonly<Feedback>): void {
    const isRight =
      lossFraction >= 0 &&
      lossFraction <= 1 &&
      queueMs >= 0 &&
      Number.isFinite(queueMs) &&
      videoBitsPerSecond > 0 &&
      videoBitsPerSecond <= BITS_PER_SECOND_MAX;
    if (!isRight) throw new Error(`loss ${lossFraction}, queue ${queueMs} ms, ${videoBitsPerSecond} bit/s`);
  }
}

/** Makes a compound RTCP packet: reports, of which some are then damaged. @param newest number of the newest packet sent */
function makeRtcp(random: Random, newest: number): Buffer {
  const parts = Array.from({ length: 1 + random.below(3) }, () => makePart(random, newest));
  const packet = Buffer.concat(parts);
  if (random.percent(50)) return packet;
  for (let change = random.below(4); change >= 0; change--) packet[random.below(packet.length)] = random.below(256);
  return random.percent(30) ? packet.subarray(0, random.below(packet.length)) : packet;
}

function makePart(random: Random, newest: number): Buffer {
  const near = () => (newest - 60 + random.below(80)) & 0xffff;
  switch (random.below(4)) {
    case 0: {
      let time = 64 * random.below(1000);
      const arrivals = Array.from({ length: 1 + random.below(80) }, () => {
        time += random.below(200) / 4;
        return random.percent(15) ? Number.NaN : time;
      });
      return writeFeedback({ first: near(), arrivals, chunk: () => random.pick(['run', 'one', 'two'] as const) });
    }
    case 1: {
      const entries = random.below(40);
      const missing = Buffer.alloc(12 + 4 * entries);
      missing.set([0x81, 205]);
      missing.writeUInt16BE(2 + entries, 2);
      missing.writeUInt32BE(SSRC, 8);
      for (let at = 12; at < missing.length; at += 4) missing.writeUInt32BE(random.u32(), at);
      return missing;
    }
    case 2: {
      const report = Buffer.from('81c90007000000010102030400'.padEnd(64, '0'), 'hex');
      report[12] = random.below(256);
      return report;
    }
    default: {
      const estimate = Buffer.from('8fce0005' + '00000001' + '00000000' + '52454d42' + '010de848' + '01020304', 'hex');
      estimate.writeUInt32BE(random.u32(), 16);
      return estimate;
    }
  }
}
