import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MESSAGE_PONG } from '../../host/base/protocol.ts';
import type { LinkFailure } from '../../host/player/link.ts';
import { at } from '../at.ts';
import {
  accepted,
  answers,
  client,
  connect,
  FakePeer,
  JOINED,
  notify,
  play,
  refusal,
  requests,
  returnOf,
  setUp,
  showFrame,
  states,
  tearDown,
} from './stand-in.ts';

const LARGE = { size: '1280x720', fps: 60 };

beforeEach(setUp);
afterEach(tearDown);

/** Begins a change of the picture. @returns its results, of which there is one at most */
async function change(query: Parameters<typeof client.change>[0] = LARGE): Promise<(LinkFailure | undefined)[]> {
  const results: (LinkFailure | undefined)[] = [];
  void client.change(query).then((result) => results.push(result));
  await vi.advanceTimersByTimeAsync(0);
  return results;
}

/** Plays in a seat that waits for the page if the connection is lost. */
async function playHeld(): Promise<void> {
  await play({ hold: 30_000 });
  notify(0, JOINED);
}

test('the game goes on over the former connection until the one with the other picture is open', async () => {
  await playHeld();
  answers.push(() => accepted({ token: 'second', hold: 30_000 }));
  const results = await change();
  expect([at(requests, 1).url, returnOf(at(requests, 1).init)]).toEqual(['/whep?size=1280x720&fps=60', 'token']);
  at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG]));
  expect(FakePeer.all.map(({ closed }) => closed)).toEqual([false, false]);
  at(FakePeer.all, 1).open();
  notify(1, JOINED);
  await vi.advanceTimersByTimeAsync(0);
  expect([results, FakePeer.all.map(({ closed }) => closed)]).toEqual([[undefined], [true, false]]);
  showFrame(2, 1);
  // The time limit for the first picture is over, and the host has spoken all the time.
  for (let beat = 0; beat < 100; beat++) {
    at(FakePeer.all, 1).say(Buffer.from([MESSAGE_PONG]));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect([states, FakePeer.all.length]).toEqual([['connecting 1', 'playing'], 2]);
  expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
});

test('a connection with the other picture that shows none is lost like any other', async () => {
  await playHeld();
  await change();
  at(FakePeer.all, 1).open();
  for (let beat = 0; beat < 79; beat++) {
    at(FakePeer.all, 1).say(Buffer.from([MESSAGE_PONG]));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(states.at(-1)).toBe('playing');
  await vi.advanceTimersByTimeAsync(100);
  expect(states.at(-1)).toBe('reconnecting 2');
});

test('the picture stays as it was if the host refuses the other one', async () => {
  await playHeld();
  answers.push(() => refusal(400, 'NL_REQUEST', 'fps must be lower'));
  const results = await change();
  expect(results).toEqual([{ code: 'NL_REQUEST', message: 'fps must be lower', isFinal: true }]);
  expect([states, at(FakePeer.all, 0).closed]).toEqual([['connecting 1', 'playing'], false]);
  // A connection that is lost later is opened with the former picture.
  at(FakePeer.all, 0).change('failed');
  await vi.advanceTimersByTimeAsync(1000);
  expect(at(requests, -1).url).toBe('/whep?size=640x360&fps=30');
});

test('the picture stays as it was if the host does not answer', async () => {
  await playHeld();
  answers.push(() => Promise.reject(new TypeError('no network')));
  const results = await change();
  expect(results.map((result) => result?.message)).toEqual(['The server does not answer.']);
  for (let beat = 0; beat < 20; beat++) {
    at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG]));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect([states, requests.length]).toEqual([['connecting 1', 'playing'], 2]);
});

test('the former connection may close first, and the player notices nothing', async () => {
  await playHeld();
  await change();
  at(FakePeer.all, 0).closeEvents();
  at(FakePeer.all, 1).open();
  showFrame(2, 1);
  await vi.advanceTimersByTimeAsync(0);
  expect([states, FakePeer.all.length]).toEqual([['connecting 1', 'playing'], 2]);
});

test('the page connects again as before if the former connection is lost and the other one is refused', async () => {
  await playHeld();
  let refuse = () => {};
  answers.push(
    () => new Promise((resolve) => (refuse = () => resolve(refusal(400, 'NL_REQUEST', 'fps must be lower')))),
  );
  const results = await change();
  at(FakePeer.all, 0).closeEvents();
  expect(states.at(-1)).toBe('playing');
  refuse();
  await vi.advanceTimersByTimeAsync(1000);
  expect(results).toHaveLength(1);
  expect([states.at(-1), at(requests, -1).url]).toEqual(['reconnecting 2', '/whep?size=640x360&fps=30']);
});

test('a second change takes the place of the first, and a refusal returns to what was there before both', async () => {
  await playHeld();
  const first = await change();
  answers.push(() => refusal(400, 'NL_REQUEST', 'fps must be lower'));
  const second = await change({ size: '1920x1080', fps: 120 });
  expect([first, second.map((result) => result?.code)]).toEqual([[undefined], ['NL_REQUEST']]);
  expect(FakePeer.all.map(({ closed }) => closed)).toEqual([false, true, true]);
  at(FakePeer.all, 0).change('failed');
  await vi.advanceTimersByTimeAsync(1000);
  expect(at(requests, -1).url).toBe('/whep?size=640x360&fps=30');
});

test('a page that is still connecting asks for the other picture at once', async () => {
  await connect();
  expect(await change()).toEqual([undefined]);
  expect(requests.map(({ url }) => url)).toEqual(['/whep?size=640x360&fps=30', '/whep?size=1280x720&fps=60']);
  expect(FakePeer.all.map(({ closed }) => closed)).toEqual([true, false]);
});

test('a page that has left does not connect', async () => {
  await play();
  client.leave();
  const before = requests.length;
  expect(await change()).toEqual([undefined]);
  expect([requests.length, states.at(-1)]).toEqual([before, 'idle']);
});
