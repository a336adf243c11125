import { expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { ProtectionCounts } from '../../host/base/protection.ts';
import { milli } from '../../host/base/time.ts';
import { Limit } from '../../host/edge/protection/limit.ts';
import { Protection } from '../../host/edge/protection/protection.ts';
import { movePlayer } from '../../host/play/move.ts';

let now = 0;

function open(waitingMax: number) {
  const counts = new ProtectionCounts();
  const config = readConfig({ BURST_MOVES_PER_SECOND: '10' });
  const protection = new Protection({ config, clock: { now: () => milli(now) }, log: () => {}, counts });
  return { counts, protection, limit: new Limit({ fingerprint: 'moves', pressure: protection, counts, waitingMax }) };
}

/** A room whose players have one number each. */
function room(states: Map<number, number>) {
  return {
    moves: {
      export: async (seat: number) => (states.has(seat) ? Uint8Array.of(states.get(seat) ?? 0) : undefined),
      import: async (seat: number, state: Uint8Array) => {
        if (state[0] === 0) return false;
        states.set(seat, state[0] ?? 0);
        return true;
      },
    },
  };
}

test('a player takes along what the other room accepts', async () => {
  const { limit } = open(1);
  const [here, there] = [
    new Map([
      [0, 7],
      [1, 0],
    ]),
    new Map<number, number>(),
  ];
  const move = (seat: number) =>
    movePlayer({ from: { room: room(here), seat }, to: { room: room(there), seat: 3 }, limit });
  expect([await move(0), await move(1), await move(2)]).toEqual([true, false, false]);
  expect([...there]).toEqual([[3, 7]]);
});

test('while many move, only so many are on their way at a time', async () => {
  const { limit, protection, counts } = open(2);
  const waiting = Promise.withResolvers<Uint8Array>();
  const slow = { moves: { export: () => waiting.promise, import: async () => true } };
  const move = () => movePlayer({ from: { room: slow, seat: 0 }, to: { room: slow, seat: 0 }, limit });
  const calm = [move(), move(), move()];
  for (let step = 0; step < 30; step++) {
    protection.count('moves');
    protection.count('moves');
    now += 100;
  }
  await expect(move()).rejects.toMatchObject({ code: 'NL_OFFER_RATE' });
  expect(counts.refused.moves).toBe(1);
  waiting.resolve(Uint8Array.of(1));
  expect(await Promise.all(calm)).toEqual([true, true, true]);
  expect(await move()).toBe(true);
});
