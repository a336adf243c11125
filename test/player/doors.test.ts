/** Tests through which door a page connects: WebRTC to the host, WebRTC through a TURN server, or a WebSocket. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { at } from '../at.ts';
import {
  accepted,
  answers,
  client,
  connect,
  FakePeer,
  line,
  pong,
  setUp,
  showFrame,
  states,
  tearDown,
} from './stand-in.ts';

const LINK = '<turn:turn.example>; rel="ice-server"; username="u"; credential="c"';

/** Configurations of the connections that were made. */
let configurations: RTCConfiguration[];

beforeEach(() => {
  setUp();
  configurations = [];
  const [Peer] = [FakePeer];
  vi.stubGlobal(
    'RTCPeerConnection',
    class extends Peer {
      constructor(configuration: RTCConfiguration) {
        super();
        configurations.push(configuration);
      }
    },
  );
});
afterEach(tearDown);

const offerTurn = () => {
  const answer = accepted({ token: 'token', hold: 30_000 });
  answer.headers.set('link', LINK);
  return answer;
};
const isRelayed = () => configurations.map(({ iceServers }) => iceServers !== undefined);

/** Connects through the TURN server, because the direct way fails. */
async function playRelayed(): Promise<void> {
  answers.push(...Array.from({ length: 50 }, () => offerTurn));
  await connect();
  at(FakePeer.all, 0).change('failed');
  await vi.advanceTimersByTimeAsync(1000);
  at(FakePeer.all, 1).open();
  showFrame(1, 1);
  expect([states.at(-1), isRelayed()]).toEqual(['playing', [false, true]]);
}

test('the door that let a connection pass is the first after the line comes back', async () => {
  await playRelayed();
  let isUp = false;
  vi.stubGlobal('fetch', (_: string, { method, signal }: RequestInit) => {
    if (!isUp) return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    return Promise.resolve(method === 'GET' ? new Response(null, { status: 204 }) : offerTurn());
  });
  await vi.advanceTimersByTimeAsync(12_000);
  isUp = true;
  const before = configurations.length;
  await vi.advanceTimersByTimeAsync(500);
  // The browser has asked the TURN server over the line that was dead, so the page makes another connection.
  expect([new Set(isRelayed().slice(before)), at(FakePeer.all, -1).answer]).toEqual([new Set([true]), 'answer']);
  at(FakePeer.all, -1).open();
  showFrame(2, 2);
  expect(states.at(-1)).toBe('playing');
});

test('an attempt through the TURN server that began while the line was dead is made again when the line is back', async () => {
  await playRelayed();
  const silence = 900;
  await vi.advanceTimersByTimeAsync(silence);
  // The request has got through, but the browser's own to the TURN server is stuck.
  const { length } = configurations;
  expect([isRelayed().at(-1), at(FakePeer.all, -1).answer]).toEqual([true, 'answer']);
  line.isAnswering = true;
  await vi.advanceTimersByTimeAsync(100);
  expect([isRelayed().slice(length), at(FakePeer.all, -1).answer, FakePeer.all.at(-2)?.closed]).toEqual([
    [true],
    'answer',
    true,
  ]);
  await vi.advanceTimersByTimeAsync(3500);
  expect(configurations).toHaveLength(length + 1);
});

test('the same door is the first after the network has changed', async () => {
  await playRelayed();
  answers.length = 0;
  answers.push(...Array.from({ length: 50 }, () => () => Promise.reject(new TypeError('fetch failed'))));
  at(FakePeer.all, 1).change('failed');
  await vi.advanceTimersByTimeAsync(3000);
  answers.length = 0;
  answers.push(offerTurn);
  client.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(isRelayed().at(-1)).toBe(true);
});

const CANDIDATES = ['UDP 3 127.0.0.1 1 typ host', 'TCP 2 127.0.0.1 2 typ host tcptype passive'].map(
  (rest) => `a=candidate:nearlight 1 ${rest}\r\n`,
);

test.each([
  ['udp', CANDIDATES.join(''), []],
  ['tcp', CANDIDATES[1], ['candidate:nearlight 1 UDP 3 127.0.0.1 1 typ host']],
])(
  'a page that played over %s comes back that way, and tries UDP half a second later',
  async (protocol, first, later) => {
    const added: string[] = [];
    Object.assign(FakePeer.prototype, {
      addIceCandidate: async ({ candidate }: RTCIceCandidateInit) => void added.push(candidate ?? ''),
    });
    const transport = { type: 'transport', selectedCandidatePairId: 'pair' };
    const stats = [transport, { id: 'pair', localCandidateId: 'local' }, { id: 'local', protocol }];
    const answer = () => {
      const { headers } = accepted({ token: 'token', hold: 30_000 });
      return new Response(`v=0\r\n${CANDIDATES.join('')}`, { status: 201, headers });
    };
    answers.push(answer, answer);
    await connect();
    const { receiver } = at(FakePeer.all, 0);
    receiver.getStats = async () => new Map(stats.map((entry, index) => [`${index}`, entry]));
    at(FakePeer.all, 0).open();
    showFrame(1, 1);
    const speak = setInterval(() => pong(0), 100);
    await vi.advanceTimersByTimeAsync(1500);
    clearInterval(speak);
    await vi.advanceTimersByTimeAsync(900);
    expect([FakePeer.all.length, at(FakePeer.all, 1).answer, added]).toEqual([2, `v=0\r\n${first}`, []]);
    await vi.advanceTimersByTimeAsync(499);
    expect(added).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(added).toEqual(later);
  },
);
