/** Tests through which door a page connects: WebRTC to the host, WebRTC through a TURN server, or a WebSocket. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { at } from '../at.ts';
import { accepted, answers, client, connect, FakePeer, setUp, showFrame, states, tearDown } from './stand-in.ts';

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
  vi.stubGlobal('fetch', (_: string, { method }: RequestInit) => {
    if (!isUp) return new Promise(() => {});
    return Promise.resolve(method === 'GET' ? new Response(null, { status: 204 }) : offerTurn());
  });
  await vi.advanceTimersByTimeAsync(12_000);
  isUp = true;
  const before = configurations.length;
  await vi.advanceTimersByTimeAsync(500);
  expect(isRelayed().slice(before)).toEqual([true]);
  at(FakePeer.all, -1).open();
  showFrame(2, 2);
  expect(states.at(-1)).toBe('playing');
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
