/** Fuzzes what pages send to play over a WebSocket, and to return to their seats. */
import { EventEmitter } from 'node:events';
import type { Writable } from 'node:stream';
import * as ws from 'ws';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { ANYONE } from '../../host/base/pass.ts';
import { ARRIVED_BYTES, MESSAGE_ARRIVED } from '../../host/base/protocol.ts';
import { micro } from '../../host/base/time.ts';
import { Meters } from '../../host/observe/meters.ts';
import type { Feedback, Player } from '../../host/stream/player.ts';
import { type Arrival, Returns, readTokens } from '../../host/stream/returns.ts';
import { SocketConnection } from '../../host/stream/socket.ts';
import { at } from '../at.ts';
import type { Random } from '../random.ts';
import { RecordedPlayer } from '../stream/fixture.ts';
import { CheckedSink, expectThat, INPUTS } from './checked.ts';
import { mutateBytes, mutateText, randomBytes } from './damage.ts';

const config = readConfig({});
const meters = new Meters();
const view = { width: 640, height: 360, fps: 60 };

type SocketOptions = { isServer: boolean; maxPayload: number };
/** Splits the bytes of a connection into messages as the host's WebSocket server does. The library has no types of it. */
const { Receiver } = ws as unknown as { Receiver: new (options: SocketOptions) => Writable };

const UNIT = Buffer.from('00000001658899', 'hex');
const MASK = Buffer.of(0x12, 0xf0, 0x5a, 0xc3);
const ARRIVED = Buffer.alloc(ARRIVED_BYTES);
ARRIVED[0] = MESSAGE_ARRIVED;
ARRIVED.writeUInt32LE(90_000, 4);
ARRIVED.writeDoubleLE(1e6, 8);

/** Feeds the damaged frames of a WebSocket (RFC 6455, 5.2) to a player's connection. Returns whether all were read. */
export function readFrames(random: Random): boolean {
  const warnings: string[] = [];
  const connection = new SocketConnection(
    {
      config,
      meters,
      seat: () => checkedPlayer(),
      warn: (message) => void warnings.push(message),
      onConnected() {},
      onClosed() {},
    },
    'h264',
  );
  const socket = new QuietSocket();
  connection.attach(socket as unknown as ws.WebSocket);
  for (let n = random.below(4); n > 0; n--)
    connection.sendFrame(UNIT, { rtpTimestamp: 90_000 * n, keyframe: true, inputSequence: 3, inputToSendUs: micro(5) });
  const receiver = new Receiver({ isServer: true, maxPayload: config.inputBytesMax });
  receiver.on('error', () => {});
  receiver.on('message', (message: Buffer, isBinary: boolean) => {
    expectThat(message.length <= config.inputBytesMax, `a message of ${message.length} bytes`);
    socket.emit('message', message, isBinary);
  });
  const frames = Array.from({ length: 1 + random.below(4) }, () => {
    const message = random.pick([...INPUTS, ARRIVED]);
    return frameOf(random.percent(70) ? message : mutateBytes(random, message));
  });
  const stream = random.percent(50) ? Buffer.concat(frames) : mutateBytes(random, Buffer.concat(frames));
  for (let from = 0; from < stream.length && !receiver.errored; ) {
    const end = from + 1 + random.below(60);
    receiver.write(Buffer.from(stream.subarray(from, end)));
    from = end;
  }
  const { inputErrors } = connection.stats;
  connection.close('page');
  expectThat(warnings.length === 0, warnings.join('; '));
  return !receiver.errored && inputErrors === 0;
}

/** Asks for a seat with damaged tokens. Returns whether they gave a right to one. */
export function returnTokens(random: Random): boolean {
  const returns = new Returns(config);
  const tokens = Array.from({ length: 3 }, () => randomBytes(random, 16).toString('base64url'));
  const players = tokens.map((token, seat) => {
    const player = new RecordedPlayer(seat, view);
    returns.add(player, arrivalOf(token));
    return player;
  });
  if (random.percent(50)) returns.lose(at(tokens, 0), 'page');
  players.forEach((player) => {
    player.hasEnded = random.percent(20);
  });
  const sent = Array.from({ length: random.below(12) }, () => {
    const token = random.pick(tokens);
    return random.percent(30) ? token : mutateText(random, random.percent(50) ? token : `${token}, ${token}`);
  });
  const header = random.percent(20) ? sent : mutateText(random, sent.join(random.pick([',', ', ', ' ,'])));
  const read = readTokens(header) ?? [];
  expectThat(read.length <= 8 && read.every((token) => /^[\w-]{22}$/.test(token)), `${read.length} tokens: ${read}`);
  const stay = returns.find(read);
  // The first token that is whole, and belongs to a game that goes on, decides.
  const owner = read.map((token) => players[tokens.indexOf(token)]).find((player) => player && !player.hasEnded);
  expectThat(stay?.player === owner, `a seat for ${read}`);
  if (stay) {
    const fresh = randomBytes(random, 16).toString('base64url');
    returns.take(stay, arrivalOf(fresh), view);
    expectThat(returns.find([fresh]) === stay, 'the new token gives no right to the seat');
    const used = must(tokens[players.indexOf(owner as RecordedPlayer)], 'token');
    expectThat(returns.find([used]) === undefined, 'a token worked twice');
  }
  returns.close();
  return stay !== undefined;
}

/** A player whose game checks what the connection makes of the page's messages. */
function checkedPlayer(): Player {
  const onFeedback = ({ lossFraction, videoBitsPerSecond, queueMs }: Readonly<Feedback>): void => {
    expectThat(lossFraction >= 0 && lossFraction <= 1, `loss ${lossFraction}`);
    for (const value of [videoBitsPerSecond, queueMs]) expectThat(value >= 0 && value < 1e12, `feedback of ${value}`);
  };
  return Object.defineProperties(new RecordedPlayer(0, view), {
    input: { value: new CheckedSink() },
    onFeedback: { value: onFeedback },
  });
}

/** A page's end that takes everything. */
class QuietSocket extends EventEmitter {
  readonly bufferedAmount = 0;
  send(): void {}
  close(): void {}
  terminate(): void {}
}

/** Who presents a token in these tests, whose connections have the token as their id. */
function arrivalOf(token: string): Arrival {
  return { id: token, token, ticket: { client: 'a', pass: ANYONE, seat() {}, close() {} }, close() {} };
}

/** Returns the frame in which a page's browser sends a message. */
function frameOf(message: Buffer): Buffer {
  const masked = message.map((byte, index) => byte ^ (MASK[index % 4] ?? 0));
  const { length } = message;
  const size = length < 126 ? Buffer.of(0x82, 0x80 | length) : Buffer.of(0x82, 0xfe, length >> 8, length & 0xff);
  return Buffer.concat([size, MASK, masked]);
}
