/** Fuzzes what players' pages send: damages valid messages, and checks what the host makes of them. */
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { type ErrorCode, NearlightError } from '../../host/base/errors.ts';
import { CHANNEL_EVENTS, CHANNEL_STATE, PING_BYTES } from '../../host/base/protocol.ts';
import { milli } from '../../host/base/time.ts';
import { InputGovernor } from '../../host/stream/governor.ts';
import { FrameReader } from '../../host/stream/ice-tcp.ts';
import { InputReader } from '../../host/stream/input.ts';
import { readOffer } from '../../host/stream/offer.ts';
import { PageTimes } from '../../host/stream/page-times.ts';
import { readView } from '../../host/stream/request.ts';
import { readRtcp } from '../../host/stream/rtcp.ts';
import { isBindingRequest, recipientOf } from '../../host/stream/stun.ts';
import { checkTrickle } from '../../host/stream/trickle.ts';
import { Random } from '../random.ts';
import { OFFER_LINES, SOUND_LINES } from '../stream/offer.ts';
import { stun } from '../stream/stun.ts';
import { CHECKED_TIMES, CheckedSink, expectThat, INPUTS } from './checked.ts';
import { readFrames, returnTokens } from './connections.ts';
import { mutateBytes, mutateLines, mutateText, randomBytes } from './damage.ts';

/** Checks one damaged message. Returns whether the host accepted it. @throws Error for a fault of the host */
type Target = (random: Random) => boolean;

export interface ProtocolTotals {
  messages: number;
  accepted: number;
  findings: string[];
}

const config = readConfig({});

/** Fuzzes one target with the seeds `from` to `from + count - 1`. A finding names its seed. */
export function fuzzProtocol(name: string, from: number, count: number): ProtocolTotals {
  const target = must(TARGETS[name], `target ${name}`);
  const totals: ProtocolTotals = { messages: count, accepted: 0, findings: [] };
  for (let seed = from; seed < from + count; seed++)
    try {
      if (target(new Random(seed))) totals.accepted++;
    } catch (error) {
      totals.findings.push(`${name}: seed ${seed}: ${error}`);
    }
  return totals;
}

export const TARGETS: Readonly<Record<string, Target>> = {
  offer: (random) => {
    const lines = random.percent(50) ? OFFER_LINES : SOUND_LINES;
    const text = `${mutateLines(random, lines).join(random.percent(90) ? '\r\n' : '\n')}\r\n`;
    return accepts(['NL_OFFER'], () => {
      const offer = readOffer(text, config);
      expectThat(/^[\w-]{1,32}$/.test(offer.mid), 'the name of the section is not checked');
      expectThat(offer.payloadType >= 35 && offer.payloadType <= 127, `payload type ${offer.payloadType}`);
      for (const sound of offer.audio ? [offer.audio.payloadType, offer.audio.redundantType || 35] : [])
        expectThat(sound >= 35 && sound <= 127, `payload type ${sound} of sound`);
      for (const [name, id] of Object.entries(offer.extensions)) expectThat(id >= 0 && id <= 14, `${name} ${id}`);
      for (const type of [offer.rtxPayloadType, offer.repairPayloadType])
        expectThat(
          type === 0 || (type >= 35 && type <= 127),
          `payload type of repeated packets or repair packets ${type}`,
        );
      expectThat(/^[\x20-\x7e\r\n]*$/.test(offer.sdp), 'the offer has characters that are not printable');
      expectThat(!offer.sdp.includes('a=candidate'), 'the offer has candidates');
      expectThat(readOffer(offer.sdp, config).sdp === offer.sdp, 'the offer reads differently the second time');
    });
  },
  input: (random) => {
    const sink = new CheckedSink();
    let now = 0;
    const times = new PageTimes(CHECKED_TIMES, { now: () => milli(now) });
    now = 1000;
    const reader = new InputReader({
      sink,
      config,
      governor: new InputGovernor({ limits: config, clock: { now: () => milli(0) } }),
      pong: (message) => expectThat(message.length === PING_BYTES, 'an answer has another size than its ping'),
      times: (message) => times.read(message),
      clock: { now: () => milli(0) },
    });
    const message = random.percent(10)
      ? mutateText(random, 'text')
      : mutateBytes(random, random.pick(INPUTS), { keepLength: random.percent(70) });
    return reader.read(random.pick([CHANNEL_EVENTS, CHANNEL_STATE, 'other']), message);
  },
  rtcp: (random) => {
    const parts = Array.from({ length: 1 + random.below(3) }, () => random.pick(RTCP));
    const feedback = { lossFraction: 0, rembBitsPerSecond: 0 };
    const found = readRtcp(mutateBytes(random, Buffer.concat(parts)), SSRC, feedback, {
      onMissing: (sequence) => expectThat(sequence >= 0 && sequence < 2 ** 16, `missing packet ${sequence}`),
      onArrivals: (packet) => expectThat(packet.length % 4 === 0, 'a report of arrivals is not whole words'),
    });
    const { lossFraction, rembBitsPerSecond } = feedback;
    expectThat(lossFraction >= 0 && lossFraction < 1, `loss ${lossFraction}`);
    expectThat(rembBitsPerSecond >= 0 && Number.isFinite(rembBitsPerSecond), `bandwidth ${rembBitsPerSecond}`);
    return found > 0;
  },
  'ICE over TCP': (random) => {
    const packets = Array.from({ length: random.below(6) }, () => randomBytes(random, random.below(300)));
    const stream = mutateBytes(random, Buffer.concat(packets.flatMap((packet) => [lengthOf(packet), packet])));
    const found: Buffer[] = [];
    const reader = new FrameReader((packet) => found.push(Buffer.from(packet)));
    let isOpen = true;
    for (let at = 0; isOpen && at < stream.length; ) {
      const end = at + 1 + random.below(400);
      isOpen = reader.read(stream.subarray(at, end));
      at = end;
    }
    // Whatever the chunks, the packets joined with their lengths are the beginning of the stream.
    const joined = Buffer.concat(found.flatMap((packet) => [lengthOf(packet), packet]));
    expectThat(joined.equals(stream.subarray(0, joined.length)), 'the packets are not those of the stream');
    return isOpen;
  },
  STUN: (random) => {
    const packet = mutateBytes(random, random.percent(50) ? stun() : randomBytes(random, random.below(120)));
    const name = recipientOf(packet);
    expectThat(name === undefined || (name !== '' && packet.includes(name, 0, 'latin1')), 'a name that is not there');
    return isBindingRequest(packet) && name !== undefined;
  },
  query: (random) => {
    const query = new URLSearchParams(mutateText(random, 'size=1280x720&fps=60&game=arena'));
    return accepts(['NL_REQUEST'], () => {
      const { width, height, fps } = readView(query, config, { width: 640, height: 360, fps: 30 });
      expectThat(width >= 64 && width <= config.viewWidthMax && width % 2 === 0, `width ${width}`);
      expectThat(height >= 64 && height <= config.viewHeightMax && height % 2 === 0, `height ${height}`);
      expectThat(Number.isInteger(fps) && fps >= 1 && fps <= config.viewFpsMax, `frame rate ${fps}`);
    });
  },
  'WebSocket frames': readFrames,
  'return tokens': returnTokens,
  trickle: (random) => {
    const body = mutateLines(random, [
      'a=ice-ufrag:abcd',
      'a=ice-pwd:secret',
      'a=candidate:1 1 UDP 1 192.0.2.1 9 typ host',
    ]);
    return accepts(['NL_OFFER', 'NL_ICE_RESTART'], () => {
      checkTrickle(body.join('\r\n'), 'abcd');
      expectThat(
        body.some((line) => line.includes('a=ice-ufrag:abcd')),
        'a fragment of another session is accepted',
      );
    });
  },
};

const SSRC = 0x01020304;
const RTCP = [
  Buffer.from('81ce00020000000101020304', 'hex'),
  Buffer.from('84ce000400000001000000000102030401000000', 'hex'),
  Buffer.from('81c90007000000010102030440'.padEnd(64, '0'), 'hex'),
  Buffer.from('8fce0005000000010000000052454d42010de84801020304', 'hex'),
];

function lengthOf(packet: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return length;
}

/** Runs code that may refuse its input with one of the codes. Returns whether it accepted the input. */
function accepts(codes: readonly ErrorCode[], run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof NearlightError && codes.includes(error.code)) return false;
    throw error;
  }
}
