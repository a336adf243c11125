import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MESSAGE_PAD_BUTTON, MESSAGE_PING, MESSAGE_RELEASE_ALL } from '../../host/base/protocol.ts';
import { LIMITS } from './limits.ts';
import { heldMessage, pointerMessage } from './peer.ts';
import { key, keysOf, press, reader } from './reader.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('input that the governor holds back', () => {
  test('states wait for the game to read them, the newest of each kind, with the time at which it arrived', () => {
    const { input, calls, time, governor, read } = reader({ limits: LIMITS });
    for (let sequence = 1; sequence <= 4; sequence++) input.read('state', pointerMessage({ sequence }));
    calls.length = 0;
    time.ms = 5;
    input.read('state', pointerMessage({ sequence: 5, dx: 1 }));
    time.ms = 7;
    input.read('state', pointerMessage({ sequence: 6, dx: 2 }));
    input.read('state', heldMessage({ sequence: 7, keys: [4] }));
    // A message that was overtaken does not take the place of a newer one.
    input.read('state', pointerMessage({ sequence: 5, dx: 3 }));
    expect([calls, governor.coalesced]).toEqual([[], 1]);
    read();
    expect(calls).toEqual([
      ['held', { keys: keysOf(4), buttons: 0, hidden: false }, 7, 7],
      ['pointer', expect.objectContaining({ totalDx: 2 }), 6, 7],
    ]);
    read();
    expect(calls).toHaveLength(2);
    expect(governor.dropped).toBe(0);
  });

  test('without a game that reads, they wait until the bucket has room', async () => {
    const { input, calls } = reader({ limits: LIMITS });
    for (let sequence = 1; sequence <= 5; sequence++) input.read('state', pointerMessage({ sequence }));
    // 42 states per second.
    await vi.advanceTimersByTimeAsync(23);
    expect(calls).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls.at(-1)?.[2]).toBe(5);
  });

  test('a key comes after the states that were sent before it', () => {
    const { input, calls } = reader({ limits: LIMITS });
    for (let sequence = 1; sequence <= 5; sequence++) input.read('state', pointerMessage({ sequence }));
    input.read('state', heldMessage({ sequence: 6, keys: [5] }));
    input.read('events', key(4, true, 7));
    expect(calls.slice(4).map(([name]) => name)).toEqual(['held', 'pointer', 'key']);
  });

  test('a page that is hidden, shown, muted or heard again says so at once', () => {
    const { input, calls } = reader({ limits: LIMITS });
    for (let sequence = 1; sequence <= 4; sequence++) input.read('state', pointerMessage({ sequence }));
    calls.length = 0;
    for (const [index, state] of [{ muted: true }, {}, { hidden: true }, {}].entries())
      input.read('state', heldMessage({ sequence: 10 + index, ...state }));
    expect(calls).toHaveLength(4);
    input.read('state', heldMessage({ sequence: 20 }));
    expect(calls).toHaveLength(4);
  });

  test('a press that was dropped counts as soon as the page says that it is held and a token is there', () => {
    const { input, calls, time, governor } = reader({ limits: { ...LIMITS, inputTokensMax: 1 } });
    input.read('events', key(4, true, 1));
    input.read('events', key(5, true, 2));
    expect([calls.length, governor.dropped]).toEqual([1, 1]);
    // The release of a key that the game does not know to be held does no harm.
    input.read('events', key(5, false, 3));
    input.read('events', key(5, true, 4));
    input.read('state', heldMessage({ sequence: 5, keys: [4, 5], buttons: [1] }));
    expect([calls.at(-1), governor.dropped]).toEqual([['held', { keys: keysOf(4), buttons: 0, hidden: false }, 5], 3]);
    // 30 tokens per second.
    time.ms = 34;
    input.read('state', heldMessage({ sequence: 6, keys: [4, 5], buttons: [1] }));
    expect(calls.at(-1)).toEqual(['held', { keys: keysOf(4, 5), buttons: 2, hidden: false }, 6]);
    input.read('state', heldMessage({ sequence: 7, keys: [4] }));
    expect([calls.at(-1)?.[2], governor.dropped]).toEqual([7, 3]);
  });

  test('releases, repeated presses, and a repeated button of a gamepad cost nothing', () => {
    const { input, calls, governor } = reader({ limits: { ...LIMITS, inputTokensMax: 2 } });
    input.read('events', key(4, true, 1));
    input.read('events', Buffer.of(MESSAGE_PAD_BUTTON, 3, 1, 0, 2, 0, 0, 0));
    input.read('events', press(19, true, 3));
    input.read('events', key(4, true, 4));
    input.read('events', key(4, false, 5));
    input.read('events', Buffer.of(MESSAGE_RELEASE_ALL, 0, 0, 0, 6, 0, 0, 0));
    expect([calls.length, governor.dropped]).toEqual([6, 0]);
    input.read('events', press(19, true, 7));
    input.read('events', press(3, true, 8));
    input.read('events', Buffer.of(MESSAGE_PAD_BUTTON, 3, 1, 0, 9, 0, 0, 0));
    expect([calls.length, governor.dropped]).toEqual([6, 3]);
  });

  test('pings beyond twenty get no answer', () => {
    const { input, pongs } = reader({ limits: LIMITS });
    const ping = () => Buffer.of(MESSAGE_PING, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
    for (let count = 0; count < 25; count++) expect(input.read('state', ping())).toBe(true);
    expect(pongs).toHaveLength(20);
  });
});
