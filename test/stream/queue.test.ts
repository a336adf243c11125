import { expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { ANYONE } from '../../host/base/pass.ts';
import type { Player, ViewRequest } from '../../host/stream/player.ts';
import { type Place, type Position, Queue } from '../../host/stream/queue.ts';
import { ManualClock, settle } from '../room/fake.ts';

const view = { width: 640, height: 360, fps: 60 };
const ABSENT_MS = 3000;
const LOOK_MS = 250;

function begin({ queueMax = 100, addressQueueMax = 100 } = {}) {
  const clock = new ManualClock();
  const room = { free: 0, error: undefined as Error | undefined, full: new Set<string>() };
  const seated: string[] = [];
  const queue = new Queue({
    limits: { queueMax, addressQueueMax },
    clock,
    admit: async () => {
      if (room.error) throw room.error;
      if (room.free === 0) throw new NearlightError('NL_ROOM_FULL', 'all seats are taken');
      return () => {
        room.free--;
        return {} as Player;
      };
    },
    reserve: ({ client, token }: Readonly<Place>, take) => {
      if (room.full.has(client)) throw new NearlightError('NL_ADDRESS_FULL', 'too many');
      take();
      seated.push(token);
    },
  });
  const gone: (() => void)[] = [];
  const ask = (tokens: string[] = [], client = 'a', request: ViewRequest = view): Promise<Position> =>
    queue.ask({ tokens, client, request, identify: async () => ANYONE, onGone: (forget) => void gone.push(forget) });
  /** Waits in the queue as a page does. Records each position that it learns. */
  const wait = async (client = 'a') => {
    const positions: number[] = [];
    const { token, position } = await ask([], client);
    positions.push(position);
    const page = { token, positions, stays: true };
    void (async () => {
      while (page.stays && positions.at(-1) !== 0) positions.push((await ask([token], client)).position);
    })().catch(() => {});
    await settle();
    return page;
  };
  return { clock, room, queue, seated, gone, ask, wait };
}

test('pages are seated in the order in which they came, and each learns its position', async () => {
  const { clock, room, queue, seated, wait } = begin();
  const pages = [await wait(), await wait('b'), await wait('c')];
  expect(pages.map(({ positions }) => positions)).toEqual([[1], [2], [3]]);
  room.free = 1;
  await clock.pass(LOOK_MS);
  expect(seated).toEqual([pages[0]?.token]);
  expect(pages.map(({ positions }) => positions)).toEqual([
    [1, 0],
    [2, 1],
    [3, 2],
  ]);
  room.free = 2;
  await clock.pass(LOOK_MS);
  expect(seated).toEqual(pages.map(({ token }) => token));
  expect([queue.size, queue.isWaitedFor(view)]).toEqual([0, false]);
});

test('a page that does not ask again within 3 s loses its place, and one that asks keeps it for an hour', async () => {
  const { clock, queue, ask, wait } = begin();
  await ask([], 'gone');
  const stays = await wait('b');
  await clock.pass(ABSENT_MS - LOOK_MS);
  expect([queue.size, stays.positions]).toEqual([2, [2]]);
  await clock.pass(2 * LOOK_MS);
  expect([queue.size, stays.positions]).toEqual([1, [2, 1]]);
  await clock.pass(3_600_000);
  expect(queue.size).toBe(1);
});

test('a page whose request ends without an answer loses its place within 3 s', async () => {
  const { clock, queue, gone, wait } = begin();
  const page = await wait();
  page.stays = false;
  gone.at(-1)?.();
  await clock.pass(ABSENT_MS - LOOK_MS);
  expect(queue.size).toBe(1);
  await clock.pass(2 * LOOK_MS);
  expect(queue.size).toBe(0);
});

test('a page gets an answer after 10 s even without news', async () => {
  const { clock, ask } = begin();
  const { token } = await ask();
  const answered: Position[] = [];
  void ask([token]).then((position) => answered.push(position));
  await clock.pass(10_000 - LOOK_MS);
  expect(answered).toEqual([]);
  await clock.pass(2 * LOOK_MS);
  expect(answered).toEqual([{ position: 1, token }]);
});

test('the queue is bounded, in total and for each address', async () => {
  const { ask } = begin({ queueMax: 3, addressQueueMax: 2 });
  await ask([], 'a');
  await ask([], 'a');
  await expect(ask([], 'a')).rejects.toThrow('NL_ROOM_FULL');
  await ask([], 'b');
  await expect(ask([], 'c')).rejects.toThrow('NL_ROOM_FULL');
});

test('pages of different games wait in different queues', async () => {
  const { queue, ask } = begin();
  expect((await ask([], 'a', { ...view, game: 'arena' })).position).toBe(1);
  expect((await ask([], 'a', { ...view, game: 'chess' })).position).toBe(1);
  expect([{ ...view, game: 'chess' }, view].map((request) => queue.isWaitedFor(request))).toEqual([true, false]);
});

test('a page whose address has too many players does not keep others from a free seat', async () => {
  const { clock, room, seated, wait } = begin();
  room.full.add('crowd');
  await wait('crowd');
  const next = await wait('b');
  room.free = 1;
  await clock.pass(LOOK_MS);
  expect(seated).toEqual([next.token]);
});

test('pages keep waiting while the game is being replaced, and learn why there is none', async () => {
  const { clock, room, queue, ask } = begin();
  const { token } = await ask();
  const answer = ask([token]);
  answer.catch(() => {});
  room.error = new NearlightError('NL_ROOM_ENDED', 'the game is being replaced');
  await clock.pass(5000);
  expect(queue.size).toBe(1);
  room.error = new NearlightError('NL_REQUEST', 'there is no such game');
  await clock.pass(LOOK_MS);
  await expect(answer).rejects.toThrow('NL_REQUEST');
  expect(queue.size).toBe(0);
});

test('a second question of the same page answers the first one', async () => {
  const { ask } = begin();
  const { token } = await ask();
  const first = ask([token]);
  void ask([token]).catch(() => {});
  expect(await first).toEqual({ position: 1, token });
});

test('a queue that is closed sends its pages away and accepts no others', async () => {
  const { queue, ask } = begin();
  const { token } = await ask();
  const answer = ask([token]);
  queue.close();
  await expect(answer).rejects.toThrow('NL_SHUTDOWN');
  await expect(ask()).rejects.toThrow('NL_SHUTDOWN');
  expect(queue.size).toBe(0);
});
