/** Fuzzes what players' pages send: damages valid messages, and checks what the host makes of them. */
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { type ErrorCode, NearlightError } from '../../host/base/errors.ts';
import {
  CHANNEL_EVENTS,
  CHANNEL_STATE,
  HELD_BYTES,
  MESSAGE_BUTTON,
  MESSAGE_HELD,
  MESSAGE_KEY,
  MESSAGE_PACE,
  MESSAGE_PAD_BUTTON,
  MESSAGE_PING,
  MESSAGE_POINTER,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  MESSAGE_TIMES,
  PACE_BYTES,
  PAD_BYTES,
  PING_BYTES,
  POINTER_BYTES,
  TIMES_BYTES,
} from '../../host/base/protocol.ts';
import { milli } from '../../host/base/time.ts';
import { FrameReader } from '../../host/stream/ice-tcp.ts';
import { InputReader } from '../../host/stream/input.ts';
import { readOffer } from '../../host/stream/offer.ts';
import { PageTimes } from '../../host/stream/page-times.ts';
import type { HeldState, PointerState } from '../../host/stream/player.ts';
import { readView } from '../../host/stream/request.ts';
import { readRtcp } from '../../host/stream/rtcp.ts';
import { isBindingRequest, recipientOf } from '../../host/stream/stun.ts';
import { checkTrickle } from '../../host/stream/trickle.ts';
import { Random } from '../random.ts';
import { OFFER_LINES, SOUND_LINES } from '../stream/offer.ts';
import { stun } from '../stream/stun.ts';

/** Checks one damaged message. Returns whether the host accepted it. @throws Error for a fault of the host */
type Target = (random: Random) => boolean;

export interface ProtocolTotals {
  messages: number;
  accepted: number;
  findings: string[];
}

const config = readConfig({});
const CHARACTERS = [...'\0\t\n\r "%+,-./0123456789:;<=>?@Za{}~\u00e4\u{1f600}'];
const NUMBERS = ['-1', '0', '1', '1e9', '65535', '65536', '4294967296', '99999999999999999999', 'NaN', '0x10', ''];

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
      const { rtxPayloadType: type } = offer;
      expectThat(type === 0 || (type >= 35 && type <= 127), `payload type of repeated packets ${type}`);
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
const INPUTS = [
  Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0),
  Buffer.of(MESSAGE_BUTTON, 3, 1, 0, 2, 0, 0, 0),
  Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0, 3, 0, 0, 0),
  messageOf(MESSAGE_POINTER, POINTER_BYTES),
  messageOf(MESSAGE_HELD, HELD_BYTES),
  Buffer.concat([messageOf(MESSAGE_HELD, HELD_BYTES), messageOf(1, PAD_BYTES), messageOf(3, PAD_BYTES)]),
  Buffer.of(MESSAGE_PAD_BUTTON, 16, 1, 3, 4, 0, 0, 0),
  Buffer.concat([Buffer.of(MESSAGE_TEXT, 1, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0), Buffer.from('Zoë 日本')]),
  messageOf(MESSAGE_PING, PING_BYTES),
  messageOf(MESSAGE_PACE, PACE_BYTES),
  Buffer.concat([
    Buffer.of(MESSAGE_TIMES, 4, 16, 0, 0xb8, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    Buffer.alloc(TIMES_BYTES - 15),
  ]),
];

/** Checks that a report counts no more pictures than a page can show in a second, and that its sum fits the counts. */
const checkedCounts = {
  merge(counts: ArrayLike<number>, sumMs: number): void {
    const pictures = Array.from(counts).reduce((sum, count) => sum + count, 0);
    expectThat(pictures > 0 && pictures <= 250, `${pictures} pictures in a second`);
    expectThat(sumMs >= 0 && sumMs <= pictures * 8000.1, `${sumMs} ms for ${pictures} pictures`);
  },
};
const CHECKED_TIMES = {
  uplink: checkedCounts,
  downlink: checkedCounts,
  decode: checkedCounts,
  present: checkedCounts,
  total: checkedCounts,
};

/** Checks that the game gets nothing out of bounds. */
class CheckedSink {
  key(usage: number, _down: boolean, sequence: number): void {
    checkInteger(usage, 255);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  button(button: number, _down: boolean, sequence: number): void {
    checkInteger(button, 31);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  padButton(pad: number, button: number, _down: boolean, sequence: number): void {
    checkInteger(pad, 3);
    checkInteger(button, 16);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  releaseAll(sequence: number): void {
    checkInteger(sequence, 2 ** 32 - 1);
  }
  held({ keys, buttons, pads = [] }: HeldState, sequence: number): void {
    for (const pad of pads) {
      checkInteger(pad.buttons, 2 ** 17 - 1);
      for (const axis of pad.axes) expectThat(axis >= -1 && axis <= 1, `axis of a gamepad at ${axis}`);
    }
    expectThat(keys.length === 8, `${keys.length} words of keys`);
    checkInteger(buttons, 2 ** 32 - 1);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  pointer({ x, y, axes, totalDx, totalDy }: PointerState, sequence: number): void {
    for (const part of [x, y]) expectThat(part >= 0 && part <= 1, `pointer at ${part}`);
    for (const axis of axes) expectThat(axis >= -1 && axis <= 1, `axis at ${axis}`);
    for (const total of [totalDx, totalDy]) expectThat(Number.isInteger(total), `movement of ${total}`);
    checkInteger(sequence, 2 ** 32 - 1);
  }
  text(number: number, text: string | undefined, sequence: number): void {
    checkInteger(number, 2 ** 32 - 1);
    checkInteger(sequence, 2 ** 32 - 1);
    expectThat(text === undefined || text.isWellFormed(), 'half a character');
  }
  pace(slackMs: number): void {
    expectThat(Number.isFinite(slackMs), `slack of ${slackMs}`);
  }
}

function messageOf(type: number, bytes: number): Buffer {
  const message = Buffer.alloc(bytes);
  message[0] = type;
  return message;
}

function lengthOf(packet: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return length;
}

function checkInteger(value: number, max: number): void {
  expectThat(Number.isInteger(value) && value >= 0 && value <= max, `${value} is not a whole number up to ${max}`);
}

function expectThat(condition: boolean, fault: string): void {
  if (!condition) throw new Error(fault);
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

function randomBytes(random: Random, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => random.below(256)));
}

/** Returns a copy of the bytes with up to three of them changed and, unless `keepLength` is set, some missing or more. */
function mutateBytes(random: Random, bytes: Buffer, { keepLength = false } = {}): Buffer {
  const copy = Buffer.from(bytes);
  for (let n = random.below(4); n > 0 && copy.length > 0; n--)
    copy[random.below(copy.length)] = random.pick([0, 1, 127, 128, 255, random.below(256)]);
  if (keepLength || random.percent(50)) return copy;
  if (random.percent(50)) return copy.subarray(0, random.below(copy.length + 1));
  return Buffer.concat([copy, randomBytes(random, random.below(20))]);
}

/** Returns the text with a few faults: characters changed, missing or more, numbers replaced, parts repeated. */
function mutateText(random: Random, text: string): string {
  let changed = text;
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(changed.length + 1);
    const end = at + random.below(6);
    switch (random.below(4)) {
      case 0:
        changed = changed.slice(0, at) + random.pick(CHARACTERS) + changed.slice(at + 1);
        break;
      case 1:
        changed = changed.slice(0, at) + changed.slice(end);
        break;
      case 2:
        changed = changed.slice(0, end) + changed.slice(at);
        break;
      default:
        changed = changed.replace(/\d+/, () => random.pick(NUMBERS));
    }
  }
  return changed;
}

/** Returns the lines with a few faults: lines changed, missing, twice or in another place. */
function mutateLines(random: Random, lines: readonly string[]): string[] {
  const changed = [...lines];
  for (let n = random.below(4); n > 0 && changed.length > 0; n--) {
    const [at, to] = [random.below(changed.length), random.below(changed.length)];
    const line = must(changed[at], 'line');
    switch (random.below(4)) {
      case 0:
        changed[at] = mutateText(random, line);
        break;
      case 1:
        changed.splice(at, 1);
        break;
      case 2:
        changed.splice(to, 0, line);
        break;
      default:
        changed[at] = must(changed[to], 'line');
        changed[to] = line;
    }
  }
  return changed;
}
