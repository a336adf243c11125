import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MESSAGE_HELD, MESSAGE_PONG } from '../../host/base/protocol.ts';
import { at } from '../at.ts';
import {
  accepted,
  answers,
  client,
  connect,
  FakePeer,
  JOINED,
  makeClient,
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

beforeEach(setUp);
afterEach(tearDown);

describe('return tokens', () => {
  const given = () => requests.filter(({ method }) => method === 'POST').map(({ init }) => returnOf(init));

  test('the client presents the tokens of all attempts of which it does not know the outcome, the newest first, and the last valid one', async () => {
    for (const token of ['one', 'two', 'three']) answers.push(() => accepted({ token }));
    await connect();
    at(FakePeer.all, 0).open();
    notify(0, JOINED);
    showFrame(1, 1);
    at(FakePeer.all, 0).change('failed');
    await vi.advanceTimersByTimeAsync(250);
    at(FakePeer.all, 1).change('failed');
    await vi.advanceTimersByTimeAsync(500);
    at(FakePeer.all, 2).open();
    notify(2, JOINED);
    at(FakePeer.all, 2).change('failed');
    await vi.advanceTimersByTimeAsync(1000);
    // A host that crashes may not have kept the newest yet.
    expect(given()).toEqual(['new', 'one', 'two,one', 'three,one']);
  });

  test('the token that the server calls valid is kept, no matter how many attempts fail after it', async () => {
    for (let attempt = 0; attempt < 20; attempt++)
      answers.push(() => accepted({ token: attempt === 0 ? 'valid' : `new${attempt},valid` }));
    await connect();
    at(FakePeer.all, 0).open();
    notify(0, JOINED);
    showFrame(1, 1);
    for (let attempt = 0; attempt < 19; attempt++) {
      at(FakePeer.all, -1).change('failed');
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(at(given(), -1).split(',')).toEqual(expect.arrayContaining(['valid', 'new18', 'new13']));
    expect(at(given(), -1).split(',')).toHaveLength(8);
  });

  test('the tokens outlive a reload, but not the player leaving', async () => {
    const stored = new Map<string, string>();
    const storage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
      removeItem: (key: string) => void stored.delete(key),
    };
    answers.push(() => accepted({ token: 'one' }));
    const first = makeClient(storage);
    first.connect({});
    await vi.advanceTimersByTimeAsync(0);
    first.suspend();
    const second = makeClient(storage);
    second.connect({});
    await vi.advanceTimersByTimeAsync(0);
    expect(given()).toEqual(['new', 'one']);
    const other = makeClient(storage);
    other.connect({ game: 'other' });
    await vi.advanceTimersByTimeAsync(0);
    second.leave();
    other.leave();
    expect(stored.size).toBe(0);
    expect(given()[2]).toBe('new');
  });

  describe('a page that is loaded again after its player has moved', () => {
    const MOVED = { kind: 'moved', url: 'https://west/whep', game: 'other', token: 'there', holdMs: 30_000 } as const;
    let stored: Map<string, string>;
    const open = () =>
      makeClient({
        getItem: (key: string) => stored.get(key) ?? null,
        setItem: (key: string, value: string) => void stored.set(key, value),
        removeItem: (key: string) => void stored.delete(key),
      });
    const seats = () => requests.filter(({ method }) => method === 'POST').map(({ url }) => url);

    beforeEach(async () => {
      stored = new Map();
      answers.push(() => accepted({ token: 'here' }));
      const first = open();
      first.connect({ fps: 30 });
      await vi.advanceTimersByTimeAsync(0);
      at(FakePeer.all, 0).open();
      showFrame(1, 1);
      notify(0, JOINED);
      answers.push(() => accepted({ token: 'back,there' }));
      notify(0, MOVED);
      await vi.advanceTimersByTimeAsync(0);
      at(FakePeer.all, 1).open();
      notify(1, JOINED);
      first.suspend();
      requests.splice(0);
    });

    test('looks for the seat there, with the token of the seat', async () => {
      const second = open();
      second.connect({ fps: 30 });
      await vi.advanceTimersByTimeAsync(0);
      expect(seats()).toEqual(['https://west/whep?fps=30&game=other']);
      expect(given()).toEqual(['back,there']);
      void second.change({ fps: 60 });
      await vi.advanceTimersByTimeAsync(0);
      expect(seats().at(-1)).toBe('https://west/whep?fps=60&game=other');
      second.leave();
      expect(stored.size).toBe(0);
    });

    test('and that is hidden looks for it when it is shown', async () => {
      const second = open();
      second.setHidden(true);
      second.connect({ fps: 30 });
      await vi.advanceTimersByTimeAsync(0);
      expect(seats()).toEqual([]);
      second.setHidden(false);
      await vi.advanceTimersByTimeAsync(0);
      expect(seats()).toEqual(['https://west/whep?fps=30&game=other']);
      second.leave();
    });

    test('begins at its own host if that one is silent for as long as the seat can wait', async () => {
      const second = open();
      const fail = () => Promise.reject(new TypeError('no answer'));
      answers.push(...Array.from({ length: 1000 }, () => fail));
      second.connect({ fps: 30 });
      await vi.advanceTimersByTimeAsync(29_000);
      expect(new Set(seats())).toEqual(new Set(['https://west/whep?fps=30&game=other']));
      answers.length = 0;
      answers.push(fail, fail, fail, fail);
      await vi.advanceTimersByTimeAsync(6000);
      expect([seats().at(-1), given().at(-1)]).toEqual(['/whep?fps=30', 'new']);
      second.leave();
    });

    test.each([
      [404, 'NL_NOT_FOUND', ['https://west/whep?fps=30&game=other', '/whep?fps=30']],
      [409, 'NL_SEAT_IN_USE', ['https://west/whep?fps=30&game=other']],
    ])('and is refused with %i %s asks %j', async (status, code, urls) => {
      answers.push(() => refusal(status, code, 'no'));
      const second = open();
      second.connect({ fps: 30 });
      await vi.advanceTimersByTimeAsync(0);
      expect(seats()).toEqual(urls);
      second.leave();
    });

    test.each(['', '{', 'null', '{"url":1,"game":"other"}', '{"url":"x"}'])(
      'and whose storage has %j for the place begins at its own host',
      async (place) => {
        for (const [key, text] of stored) stored.set(key, `${text.split('\n')[0]}\n${place}`);
        const second = open();
        second.connect({ fps: 30 });
        await vi.advanceTimersByTimeAsync(0);
        expect(seats()).toEqual(['/whep?fps=30']);
        second.leave();
      },
    );
  });

  test('the client plays although the browser forbids to store anything', async () => {
    const fail = (): never => {
      throw new DOMException('denied', 'SecurityError');
    };
    answers.push(() => accepted({ token: 'one' }));
    const strict = makeClient({ getItem: fail, setItem: fail, removeItem: fail });
    strict.connect({});
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 0).change('failed');
    await vi.advanceTimersByTimeAsync(250);
    expect(given()).toEqual(['new', 'one']);
    strict.leave();
  });
});

describe('the queue', () => {
  const full = () => refusal(503, 'NL_ROOM_FULL', 'all seats are taken');
  const position = (place: number) => () => new Response(JSON.stringify({ position: place, token: 'place' }));

  test('the client waits in the queue, and takes its seat without a click when its turn comes', async () => {
    answers.push(full, position(3), position(1), position(0));
    await connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(states).toEqual(['connecting 1', 'waiting 3', 'waiting 1', 'connecting 2']);
    expect(requests.map(({ url }) => url.split('?')[0])).toEqual([
      '/whep',
      '/whep/queue',
      '/whep/queue',
      '/whep/queue',
      '/whep',
    ]);
    expect(requests.map(({ init }) => returnOf(init))).toEqual(['new', 'new', 'place', 'place', 'place']);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test('a server that answers at once without news is not asked more often than four times a second', async () => {
    answers.push(full, ...Array.from({ length: 100 }, () => position(2)));
    await connect();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(requests.length).toBeLessThan(45);
    expect(states).toEqual(['connecting 1', 'waiting 2']);
  });

  test('the client goes on when the queue is full or the server is gone', async () => {
    answers.push(full, () => refusal(503, 'NL_ROOM_FULL', 'too many players wait'), full);
    answers.push(() => Promise.reject(new TypeError('fetch failed')));
    await connect();
    expect(states.at(-1)).toBe('connecting 2: too many players wait');
    await vi.advanceTimersByTimeAsync(250);
    expect(requests).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(500);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });
});

describe('a hidden page', () => {
  test('a page that was opened in the background connects when it is shown', async () => {
    client.setHidden(true);
    await connect();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toEqual([]);
    expect(states).toEqual(['connecting 1: The game begins when you look at this page.']);
    client.setHidden(false);
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 0).open();
    showFrame(1, 1);
    expect(states.slice(1)).toEqual(['connecting 1', 'playing']);
  });

  test('the host learns at once that the page is hidden or shown', async () => {
    await play();
    const flags = () =>
      at(FakePeer.all, 0)
        .channels.flatMap(({ sent }) => sent)
        .filter(([type]) => type === MESSAGE_HELD)
        .map((message) => message[1]);
    client.setHidden(true);
    client.setHidden(true);
    client.setHidden(false);
    expect(flags()).toEqual([0, 1, 0]);
  });

  test('a hidden page keeps its seat when the connection is lost, and needs no picture for that', async () => {
    await play();
    client.setHidden(true);
    at(FakePeer.all, 0).change('failed');
    await vi.advanceTimersByTimeAsync(250);
    at(FakePeer.all, 1).open();
    notify(1, JOINED);
    expect(states.at(-1)).toBe('playing');
    const pong = setInterval(() => at(FakePeer.all, 1).say(Buffer.from([MESSAGE_PONG])), 500);
    await vi.advanceTimersByTimeAsync(20_000);
    expect([states.at(-1), FakePeer.all.length]).toEqual(['playing', 2]);
    clearInterval(pong);
  });

  test('pictures that the browser decoded while the page was hidden do not count as shown', async () => {
    await play();
    const pong = setInterval(() => at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG])), 500);
    client.setHidden(true);
    await vi.advanceTimersByTimeAsync(20_050);
    client.setHidden(false);
    for (let picture = 1; picture <= 60; picture++) {
      showFrame(picture, 600 + picture);
      await vi.advanceTimersByTimeAsync(1000 / 60);
    }
    expect(client.stats().framesShown).toBe(61);
    expect(client.stats().fps).toBeLessThan(65);
    clearInterval(pong);
  });
});
