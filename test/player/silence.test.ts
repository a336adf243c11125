import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { MESSAGE_HELD, MESSAGE_PING } from '../../host/base/protocol.ts';
import { at } from '../at.ts';
import {
  answers,
  client,
  connect,
  FakePeer,
  frameMessage,
  line,
  play,
  pong,
  requests,
  setUp,
  showFrame,
  states,
  tearDown,
} from './stand-in.ts';

beforeEach(setUp);
afterEach(tearDown);

describe('a silent host', () => {
  /** Number of connections for which the page has asked. */
  const asked = () => requests.filter(({ method }) => method === 'POST').length;
  /** Lets the newest connection work for a second. */
  const work = async () => {
    for (let beat = 0; beat < 11; beat++) {
      pong(FakePeer.all.length - 1);
      await vi.advanceTimersByTimeAsync(100);
    }
  };

  test('another connection is opened after 0.8 s of silence, while the first one stays', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(800);
    expect([states.at(-1), asked()]).toEqual(['playing', 1]);
    await vi.advanceTimersByTimeAsync(100);
    expect([states.at(-1), asked()]).toEqual(['reconnecting 1', 2]);
    expect(at(FakePeer.all, 0).closed).toBe(false);
  });

  test('another connection is opened after 0.45 s of silence if the host answers elsewhere, so that it is not slow', async () => {
    await play({ hold: 30_000 });
    line.isAnswering = true;
    await vi.advanceTimersByTimeAsync(449);
    expect(asked()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect([states.at(-1), asked()]).toEqual(['reconnecting 1', 2]);
  });

  test('a host that was slow, and therefore speaks at the same time as it answers elsewhere, gets no second request', async () => {
    await play({ hold: 30_000 });
    await vi.advanceTimersByTimeAsync(600);
    line.isAnswering = true;
    await vi.advanceTimersByTimeAsync(100 + 49);
    pong(0);
    await vi.advanceTimersByTimeAsync(300);
    expect([states.at(-1), asked()]).toEqual(['playing', 1]);
  });

  test('a connection is prepared after 0.4 s of silence, and is the one for which the page asks', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(399);
    expect(FakePeer.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect([FakePeer.all.length, asked()]).toEqual([2, 1]);
    await vi.advanceTimersByTimeAsync(500);
    expect([FakePeer.all.length, asked(), at(FakePeer.all, 1).answer]).toEqual([2, 2, 'answer']);
  });

  test('a connection that was prepared is closed when the host speaks, and when the player leaves', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(400);
    pong(0);
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([false, true]);
    await vi.advanceTimersByTimeAsync(400);
    client.leave();
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([true, true, true]);
  });

  test('a host that speaks keeps the page from looking, also if it has nothing to say but answers', async () => {
    await play();
    line.isAnswering = true;
    for (let step = 0; step < 30; step++) {
      await vi.advanceTimersByTimeAsync(290);
      pong(0);
    }
    expect([states.at(-1), asked()]).toEqual(['playing', 1]);
  });

  test('a page that hears nothing asks the host for an answer after 0.2 s', async () => {
    await play();
    const pings = () =>
      at(FakePeer.all, 0)
        .channels.flatMap(({ sent }) => sent)
        .filter(([type]) => type === MESSAGE_PING).length;
    const before = pings();
    pong(0);
    await vi.advanceTimersByTimeAsync(199);
    expect(pings()).toBe(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(pings()).toBe(before + 1);
  });

  test('the first connection goes on if an answer and a picture come over it before the other one is open', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(1000);
    pong(0);
    expect(states.at(-1)).toBe('reconnecting 1');
    showFrame(2, 2);
    expect(states.slice(-2)).toEqual(['reconnecting 1', 'playing']);
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([false, true]);
    // No seat is given up: the other attempt may have taken it, and the page would need it back.
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  test.each([
    ['a picture without an answer', () => showFrame(2, 2)],
    ['an answer without a picture', () => pong(0)],
    [
      'an answer from before the silence, which TCP has delivered late',
      () => {
        pong(0, 1501);
        showFrame(2, 2);
      },
    ],
    [
      'a message that says nothing about the way to the host',
      () => {
        at(FakePeer.all, 0).say(frameMessage({ rtp: 2, input: 1, serverUs: 1 }));
        showFrame(2, 2);
      },
    ],
  ])('the other connection is not given up for %s', async (_, arrive) => {
    await play();
    await vi.advanceTimersByTimeAsync(1000);
    arrive();
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([false, false]);
    at(FakePeer.all, 1).open();
    showFrame(3, 1);
    expect([states.at(-1), at(FakePeer.all, 0).closed]).toEqual(['playing', true]);
  });

  test('a hidden page needs no picture to go on with the first connection', async () => {
    await play();
    client.setHidden(true);
    await vi.advanceTimersByTimeAsync(1000);
    pong(0, 1500.5);
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([false, false]);
    pong(0, 1499);
    expect([states.at(-1), FakePeer.all.map(({ closed }) => closed)]).toEqual(['playing', [false, true]]);
  });

  test('a request that is stuck is sent again for the same connection, when the host answers and every 2.5 s before', async () => {
    await play({ hold: 30_000 });
    answers.push(...Array.from({ length: 4 }, () => () => new Promise<Response>(() => {})));
    await vi.advanceTimersByTimeAsync(900);
    expect(asked()).toBe(2);
    for (const count of [3, 4, 5]) {
      await vi.advanceTimersByTimeAsync(2499);
      expect(asked()).toBe(count - 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(asked()).toBe(count);
    }
    line.isAnswering = true;
    await vi.advanceTimersByTimeAsync(100);
    expect([asked(), FakePeer.all.length, at(FakePeer.all, 1).answer]).toEqual([6, 2, 'answer']);
  });

  test('the other connection takes over when it opens first, and the player still holds what was held', async () => {
    await play();
    client.input.key(26, true);
    await vi.advanceTimersByTimeAsync(1000);
    at(FakePeer.all, 1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([true, false]);
    const held = must(
      at(FakePeer.all, 1).channels[1]?.sent.find(([type]) => type === MESSAGE_HELD),
      'message',
    );
    expect(held.readUInt32LE(12)).toBe(1 << 26);
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  test('a slow host is not asked for one connection after the other', async () => {
    await connect();
    at(FakePeer.all, 0).open();
    await vi.advanceTimersByTimeAsync(4000);
    expect(asked()).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked()).toBe(2);
    for (const [index, beats] of [16, 32, 40, 40].entries()) {
      at(FakePeer.all, -1).open();
      showFrame(index, 1);
      await vi.advanceTimersByTimeAsync(100 * beats);
      expect(asked()).toBe(index + 2);
      await vi.advanceTimersByTimeAsync(100);
      expect(asked()).toBe(index + 3);
    }
  });

  test('attempts follow each other while a seat waits, and its end is known', async () => {
    await play({ hold: 30_000 });
    const lostAt = performance.now() + 900;
    await vi.advanceTimersByTimeAsync(900);
    expect(client.state).toMatchObject({ kind: 'reconnecting', heldUntil: lostAt + 30_000 });
    answers.push(...Array.from({ length: 100 }, () => () => Promise.reject(new TypeError('fetch failed'))));
    await vi.advanceTimersByTimeAsync(29_000);
    expect(requests.length).toBeGreaterThan(20);
    expect(client.state).toMatchObject({ heldUntil: lostAt + 30_000 });
  });

  test('connections that open but do not work make the page patient, although the host answers elsewhere', async () => {
    await play();
    line.isAnswering = true;
    await vi.advanceTimersByTimeAsync(450);
    for (const [index, beats] of [8, 16, 20, 20].entries()) {
      expect(asked()).toBe(index + 2);
      at(FakePeer.all, -1).open();
      showFrame(index, 1);
      await vi.advanceTimersByTimeAsync(100 * beats + 49);
      expect(asked()).toBe(index + 2);
      await vi.advanceTimersByTimeAsync(1);
    }
  });

  test('a connection that worked for a second makes the page no more patient', async () => {
    await play();
    line.isAnswering = true;
    for (let cut = 0; cut < 4; cut++) {
      await work();
      await vi.advanceTimersByTimeAsync(400);
      expect(asked()).toBe(cut + 2);
      at(FakePeer.all, -1).open();
      showFrame(cut, 1);
    }
  });

  test('connections that were lost before do not delay that request, because the host answers', async () => {
    await play({ hold: 30_000 });
    await work();
    for (let lost = 1; lost <= 3; lost++) {
      at(FakePeer.all, -1).change('failed');
      await vi.advanceTimersByTimeAsync(1500);
      at(FakePeer.all, -1).open();
      showFrame(FakePeer.all.length - 1, 1);
      await work();
    }
    const before = asked();
    line.isAnswering = true;
    await vi.advanceTimersByTimeAsync(349);
    expect(asked()).toBe(before);
    await vi.advanceTimersByTimeAsync(51);
    expect(asked()).toBe(before + 1);
  });

  test('a change of the network makes the client suspicious: it looks after 0.3 s of silence', async () => {
    await play();
    client.wake();
    await vi.advanceTimersByTimeAsync(300);
    expect(asked()).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked()).toBe(2);
  });
});
