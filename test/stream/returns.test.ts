import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { milli } from '../../host/base/time.ts';
import { Admission, type AdmissionLimits, type Ticket } from '../../host/stream/admission.ts';
import {
  type Arrival,
  createToken,
  type ReturnLimits,
  Returns,
  readPage,
  readTokens,
} from '../../host/stream/returns.ts';
import { RecordedPlayer } from './fixture.ts';

const HOLD_MS = 30_000;
const RELOAD_MS = 4000;
const view = { width: 640, height: 360, fps: 60 };
const ROOMY: AdmissionLimits = {
  offersPerSecondMax: 1000,
  addressOffersPerSecondMax: 1000,
  halfOpenMax: 1000,
  addressHalfOpenMax: 1000,
  addressSeatsMax: 1000,
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

interface Joined {
  id: string;
  token: string;
  player: RecordedPlayer;
  closed: string[];
}

function begin({
  admission: bounds = {},
  ...limits
}: Partial<ReturnLimits> & { admission?: Partial<AdmissionLimits> } = {}) {
  const admission = new Admission({ ...ROOMY, ...bounds }, { now: () => milli(performance.now()) });
  const returns = new Returns({ returnMsMax: HOLD_MS, reloadMsMax: RELOAD_MS, addressHeldMax: 16, ...limits });
  let ids = 0;
  const arrive = (client: string, token?: string): Arrival & { closed: string[]; ticket: Ticket } => {
    const closed: string[] = [];
    const id = String(ids++);
    const ticket = admission.open(client, () => {});
    const close: Arrival['close'] = (reason) => {
      closed.push(reason);
      if (!returns.lose(id, reason)) ticket.close();
    };
    return { id, token, ticket, close, closed };
  };
  const join = (client = 'a', canReturn = true): Joined => {
    const token = canReturn ? createToken() : undefined;
    const arrival = arrive(client, token);
    arrival.ticket.seat();
    const player = new RecordedPlayer(ids, view);
    returns.add(player, arrival);
    return { id: arrival.id, token: token ?? '', player, closed: arrival.closed };
  };
  const comeBack = (tokens: string[], client = 'a') => {
    const token = createToken();
    const arrival = arrive(client, token);
    const player = returns.take(returns.find(tokens), arrival, view);
    return { token, player, id: arrival.id, closed: arrival.closed };
  };
  return { admission, returns, join, comeBack };
}

test('a token is 128 random bits, and only well-formed ones are read, eight at most', () => {
  expect(createToken()).toMatch(/^[\w-]{22}$/);
  expect(createToken()).not.toBe(createToken());
  const all = Array.from({ length: 9 }, createToken);
  const [a, b] = all;
  expect(readTokens(undefined)).toBeUndefined();
  expect(readTokens('new')).toEqual([]);
  expect(readTokens('')).toEqual([]);
  expect(readTokens(`${a}, ${b},x,${a}=`)).toEqual([a, b]);
  expect(readTokens(all.join(','))).toEqual(all.slice(0, 8));
  expect(readTokens(`${'A'.repeat(21)},${'A'.repeat(23)},${'.'.repeat(22)}`)).toEqual([]);
});

describe('a seat that two pages ask for', () => {
  const [FIRST, SECOND] = ['1'.repeat(32), '2'.repeat(32)];

  /** Seats a first page, which is there or not. */
  function seat(isAlive: () => boolean, page: string | undefined) {
    const { admission, returns } = begin();
    const calls: string[] = [];
    const make = (own: string | undefined): Arrival => ({
      id: own ?? '-',
      token: createToken(),
      ticket: admission.open('a', () => {}),
      page: own,
      isAlive: async () => isAlive(),
      close: (reason) => void calls.push(`${own?.[0]} ${reason}`),
      giveWay: () => void calls.push(`${own?.[0]} gives way`),
    });
    const first = make(page);
    first.ticket.seat();
    returns.add(new RecordedPlayer(0, view), first);
    const stay = must(returns.find([first.token ?? '']), 'stay');
    return { returns, calls, make, first, stay };
  }

  test.each([
    ['another page finds it in use', true, FIRST, SECOND, false, true],
    ['another page takes it if the first is gone', false, FIRST, SECOND, false, false],
    ['another page takes it if its player wants that', true, FIRST, SECOND, true, false],
    ['the first page takes it', true, FIRST, FIRST, false, false],
    ['a page without an id takes it', true, FIRST, undefined, false, false],
    ['a page takes it from one without an id', true, undefined, SECOND, false, false],
  ])('%s', async (_, isAlive, page, id, takes, isElsewhere) => {
    const { returns, stay } = seat(() => isAlive, page);
    expect(await returns.isPlayedElsewhere(stay, { id, takes })).toBe(isElsewhere);
  });

  test('a page that closes while it is asked whether it is there gives way', async () => {
    const { returns, stay } = seat(() => returns.lose(FIRST, 'page'), FIRST);
    expect(await returns.isPlayedElsewhere(stay, { id: SECOND, takes: false })).toBe(false);
    expect(returns.held).toBe(1);
  });

  test('the page that had the seat gets a word, and can take it back with its own token until it does', () => {
    const { returns, calls, make, first, stay } = seat(() => true, FIRST);
    const second = make(SECOND);
    returns.take(stay, second, view);
    expect(calls).toEqual(['1 gives way']);
    const tokens = [first.token ?? ''];
    expect([returns.find(tokens), returns.find(tokens, true)]).toEqual([undefined, stay]);
    returns.take(returns.find(tokens, true), make(FIRST), view);
    expect(calls).toEqual(['1 gives way', '2 gives way']);
    expect(returns.find(tokens, true)).toBeUndefined();
    expect(returns.find([second.token ?? ''], true)).toBe(stay);
    // The same page may change its connection. The other page can still take the seat back.
    const again = make(FIRST);
    returns.take(stay, again, view);
    expect(calls.at(-1)).toBe('1 replaced');
    expect(returns.find([second.token ?? ''], true)).toBe(stay);
  });

  test('the header of a page is read, or means nothing', () => {
    expect(readPage(FIRST)).toEqual({ id: FIRST, takes: false });
    expect(readPage(`${FIRST};take`)).toEqual({ id: FIRST, takes: true });
    for (const header of [undefined, '', '1'.repeat(15), '1'.repeat(65), `${FIRST};`, [FIRST, SECOND]])
      expect(readPage(header)).toEqual({ id: undefined, takes: false });
    expect([readPage('1'.repeat(16)).id, readPage('1'.repeat(64)).id]).toEqual(['1'.repeat(16), '1'.repeat(64)]);
  });
});

describe('a seat whose connection was lost', () => {
  test.each(['page', 'idle', 'failed'] as const)('it waits for 30 s after the reason "%s"', async (reason) => {
    const { returns, join } = begin();
    const { id, token, player } = join();
    expect(returns.lose(id, reason)).toBe(true);
    expect([player.lost, player.closed, returns.held]).toEqual([1, [], 1]);
    await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
    expect(returns.find([token])?.player).toBe(player);
    await vi.advanceTimersByTimeAsync(1);
    expect(returns.find([token])).toBeUndefined();
    expect([player.closed, returns.held]).toEqual([['page'], 0]);
  });

  test.each(['deleted', 'host', 'shutdown', 'input', 'rate', 'refused'] as const)(
    'it is free at once after "%s"',
    (reason) => {
      const { returns, join } = begin();
      const { id, token, player } = join();
      returns.lose(id, reason);
      expect([player.closed, player.lost]).toEqual([[reason], 0]);
      expect(returns.find([token])).toBeUndefined();
    },
  );

  test('it is free at once if the page cannot return, the game has ended, or no seat waits here', () => {
    const { returns, join } = begin();
    const stranger = join('a', false);
    returns.lose(stranger.id, 'page');
    const late = join();
    late.player.hasEnded = true;
    returns.lose(late.id, 'page');
    const strict = begin({ returnMsMax: 0 });
    const third = strict.join();
    strict.returns.lose(third.id, 'page');
    expect([stranger, late, third].map(({ player }) => player.closed)).toEqual([['page'], ['page'], ['page']]);
  });

  test('it goes back to its player, who gets another token, and the old one is worth nothing', async () => {
    const { returns, join, comeBack } = begin();
    const first = join();
    returns.lose(first.id, 'idle');
    await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
    const second = comeBack([first.token]);
    expect(second.player).toBe(first.player);
    await vi.advanceTimersByTimeAsync(10 * HOLD_MS);
    expect(first.player.closed).toEqual([]);
    expect(() => comeBack([first.token])).toThrow('NL_CONNECTION');
    expect(returns.find([second.token])?.player).toBe(first.player);
  });

  test('an earlier connection that is still open gives way at once', () => {
    const { returns, join, comeBack } = begin();
    const first = join();
    const second = comeBack([first.token]);
    expect(first.closed).toEqual(['replaced']);
    expect([first.player.closed, first.player.lost, returns.held]).toEqual([[], 0, 0]);
    returns.lose(second.id, 'deleted');
    expect(first.player.closed).toEqual(['deleted']);
  });

  test('forged tokens and those of others are worth nothing, and any of several tokens may be the right one', () => {
    const { returns, join } = begin();
    const one = join();
    const two = join('b');
    for (let guess = 0; guess < 1000; guess++)
      expect(returns.find([randomBytes(16).toString('base64url')])).toBeUndefined();
    expect(returns.find([createToken(), two.token])?.player).toBe(two.player);
    expect(returns.find([one.token])?.player).toBe(one.player);
    expect(returns.find([])).toBeUndefined();
  });
});

describe('a page that says that its player leaves', () => {
  test('its seat is free at once', () => {
    const { returns, join } = begin();
    const { id, player, closed } = join();
    expect(returns.leave(id, false)).toBe(true);
    expect([closed, player.closed]).toEqual([['deleted'], ['deleted']]);
    expect(returns.leave(id, false)).toBe(false);
  });

  test('a page that may only be reloaded finds its seat for 4 s', async () => {
    const { returns, join } = begin();
    const { id, token, player } = join();
    returns.leave(id, true);
    await vi.advanceTimersByTimeAsync(RELOAD_MS - 1);
    expect(returns.find([token])?.player).toBe(player);
    await vi.advanceTimersByTimeAsync(1);
    expect(player.closed).toEqual(['page']);
  });

  test('the end of the connection may be noticed before the page has said so', async () => {
    const { returns, join } = begin();
    const [reloaded, left] = [join(), join()];
    for (const { id } of [reloaded, left]) returns.lose(id, 'page');
    expect(returns.leave(reloaded.id, true)).toBe(true);
    expect(returns.leave(left.id, false)).toBe(true);
    expect(left.player.closed).toEqual(['deleted']);
    await vi.advanceTimersByTimeAsync(RELOAD_MS);
    expect(reloaded.player.closed).toEqual(['page']);
  });

  test('a page that was reloaded and then loses its connection has the full time again', async () => {
    const { returns, join, comeBack } = begin();
    const first = join();
    returns.leave(first.id, true);
    const { id } = comeBack([first.token]);
    returns.lose(id, 'idle');
    await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
    expect(first.player.closed).toEqual([]);
  });
});

describe('the bounds of an address', () => {
  test('seats that wait count for the address of their player until they are free', async () => {
    const { admission, returns, join } = begin({ admission: { addressSeatsMax: 2 } });
    const { id } = join();
    join();
    returns.lose(id, 'idle');
    expect(() => admission.countOffer('a')).toThrow('NL_ADDRESS_FULL');
    // The player who returns has the seat already.
    admission.countOffer('a', true);
    await vi.advanceTimersByTimeAsync(HOLD_MS);
    admission.countOffer('a');
  });

  test('a player may return from another address, if that has room', () => {
    const { admission, returns, join, comeBack } = begin({ admission: { addressSeatsMax: 1 } });
    const moved = join('a');
    join('b');
    returns.lose(moved.id, 'idle');
    expect(() => comeBack([moved.token], 'b')).toThrow('NL_ADDRESS_FULL');
    expect(returns.find([moved.token])?.player).toBe(moved.player);
    comeBack([moved.token], 'c');
    expect(() => admission.countOffer('c')).toThrow('NL_ADDRESS_FULL');
    admission.countOffer('a');
  });

  test('one address keeps a limited number of seats waiting, and the one that waits longest is freed', () => {
    const { returns, join } = begin({ addressHeldMax: 2 });
    const own = [join(), join(), join()];
    const other = join('b');
    returns.lose(other.id, 'idle');
    for (const { id } of own) returns.lose(id, 'idle');
    expect(own.map(({ player }) => player.closed)).toEqual([['displaced'], [], []]);
    expect([other.player.closed, returns.held]).toEqual([[], 3]);
  });
});

test('closing frees the seats that wait', () => {
  const { returns, join } = begin();
  const [waiting, playing] = [join(), join()];
  returns.lose(waiting.id, 'idle');
  returns.close();
  expect([waiting.player.closed, playing.player.closed]).toEqual([['shutdown'], []]);
});

test('a seat that is kept for a page whose turn has come is taken with its token, or is free again', async () => {
  const { admission, returns, comeBack } = begin();
  const reserve = () => {
    const token = createToken();
    const player = new RecordedPlayer(0, view);
    const ticket = admission.open('a', () => {});
    ticket.seat();
    returns.reserve(player, { id: token, token, ticket, close: () => {} }, 10_000);
    return { token, player };
  };
  const [quick, slow] = [reserve(), reserve()];
  await vi.advanceTimersByTimeAsync(9999);
  expect(comeBack([quick.token]).player).toBe(quick.player);
  await vi.advanceTimersByTimeAsync(1);
  expect([quick.player.closed, slow.player.closed]).toEqual([[], ['page']]);
});

test('what is kept of the seats lets another process hold them, each for its own player', () => {
  vi.useFakeTimers();
  const first = begin();
  const [one, two] = [first.join(), first.join()];
  first.join('a', false);
  const { kept } = first.returns;
  expect(kept.map(({ seat }) => seat)).toEqual([one.player.seat, two.player.seat]);

  const changes: number[] = [];
  const free: string[] = [];
  const pass = {
    account: { id: 'ada', role: 'player' },
    check() {},
    take: () => void free.push('taken'),
    free: () => void free.push('free'),
  };
  const limits = { returnMsMax: HOLD_MS, reloadMsMax: RELOAD_MS, addressHeldMax: 16 };
  const second: Returns = new Returns(limits, { onChange: () => void changes.push(second.kept.length) });
  const players = kept.map(({ seat }) => new RecordedPlayer(seat, view));
  for (const [n, { digest, origin }] of kept.entries())
    second.resume(players[n] as RecordedPlayer, { digest, origin, pass }, HOLD_MS);
  expect([second.held, free]).toEqual([2, ['taken', 'taken']]);
  // The listener learns of each seat at once.
  expect(changes).toEqual([1, 2]);
  expect(second.find([createToken()])).toBeUndefined();
  const stay = second.find([two.token]);
  expect(stay?.player).toBe(players[1]);
  const token = createToken();
  const ticket = new Admission(ROOMY, { now: () => milli(performance.now()) }).open('b', () => {}, pass);
  second.take(stay, { id: 'x', token, ticket, close: () => {} }, view);
  expect([second.held, second.find([two.token]), second.find([token])?.player.seat]).toEqual([
    1,
    undefined,
    kept[1]?.seat,
  ]);
  // The token has changed, and the one with which the stay began still names it.
  const [, former] = kept;
  expect(second.kept.at(-1)?.origin).toEqual(former?.origin);
  expect(second.kept.at(-1)?.digest).not.toEqual(former?.digest);
  // The seat that no one takes is free in the end.
  vi.advanceTimersByTime(HOLD_MS);
  expect([second.held, second.kept.length, players[0]?.closed]).toEqual([0, 1, ['page']]);
  expect(changes.at(-1)).toBe(1);
});
