import { expect, test, vi } from 'vitest';
import { type ErrorCode, NearlightError } from '../../host/base/errors.ts';
import { PodMatches } from '../../host/pod/pod-matches.ts';
import type { Room, RoomSave } from '../../host/room/room.ts';
import { openTestStore } from '../edge/store/stores.ts';

const MATCH: RoomSave = { state: Uint8Array.of(1, 2), ticks: 70, seats: [1], phase: undefined, isWhole: true };
const SEAT = { seat: 1, digest: 'x'.repeat(43), pass: '' };

/** A room whose state and end the test sets. */
class FakeRoom {
  readonly name = 'arena';
  readonly stats = { ticks: 70 };
  readonly #end = Promise.withResolvers<NearlightError | undefined>();
  readonly ended = this.#end.promise;
  isClosed = false;

  async save(): Promise<RoomSave | undefined> {
    return this.isClosed ? undefined : MATCH;
  }

  end(error: NearlightError | undefined): void {
    this.isClosed = true;
    this.#end.resolve(error);
  }

  get asRoom(): Room {
    return this as unknown as Room;
  }
}

async function open() {
  const { store } = await openTestStore();
  const config = { checkpointSeconds: 5, resumeSecondsMax: 600 };
  const next = () => new PodMatches({ podUid: 'pod-1', store, config, log: () => {}, uptime: () => 1000 });
  return { store, matches: next(), next };
}

test('a container that is stopped leaves its match to the next one, with its seats, in this process and in another', async () => {
  const { matches, next } = await open();
  const first = matches.begin('arena');
  expect(await first.kept).toBeUndefined();
  const room = new FakeRoom();
  first.watch(room.asRoom);
  matches.noteSeats([{ ...SEAT, game: 'arena' }]);
  await first.close();
  room.end(undefined);
  expect(await matches.begin('arena').kept).toMatchObject({ ticks: 70, records: [SEAT] });
  const other = next();
  const second = other.begin('arena');
  expect(await second.kept).toMatchObject({ ticks: 70 });
  const again = new FakeRoom();
  second.watch(again.asRoom);
  expect(other.recordOf({ game: 'arena', seat: 1 })).toMatchObject(SEAT);
  await other.close();
  again.end(undefined);
});

test.each([
  [299, true],
  [300, false],
])(
  'on a node that has booted %i s ago, a pod waits for a service that does not answer yet: %s',
  async (seconds, waits) => {
    const answer = Promise.withResolvers<undefined>();
    const store = { putSave: async () => {}, getSave: () => answer.promise, removeSave: async () => false };
    const config = { checkpointSeconds: 5, resumeSecondsMax: 600 };
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    try {
      const matches = new PodMatches({ podUid: 'pod-1', store, config, log: () => {}, uptime: () => seconds });
      let isRead = false;
      void matches.begin('arena').kept.then(() => {
        isRead = true;
      });
      await vi.advanceTimersByTimeAsync(1000);
      expect(isRead).toBe(!waits);
      await vi.advanceTimersByTimeAsync(18_999);
      expect(isRead).toBe(!waits);
      await vi.advanceTimersByTimeAsync(1);
      expect(isRead).toBe(true);
    } finally {
      vi.useRealTimers();
      answer.resolve(undefined);
    }
  },
);

test.each<[ErrorCode, boolean]>([
  ['NL_GUEST_KILLED', true],
  ['NL_GPU_LOST', true],
  ['NL_GUEST_TRAP', false],
  ['NL_GUEST_EXIT', false],
])('the next container goes on with a match after %s: %s', async (code, goesOn) => {
  const { matches, store } = await open();
  const kept = matches.begin('arena');
  kept.watch(new FakeRoom().asRoom);
  await matches.close();
  const room = new FakeRoom();
  const running = matches.begin('arena');
  expect(await running.kept).toBeDefined();
  running.watch(room.asRoom);
  room.end(new NearlightError(code, 'as a test'));
  const isKept = async () => (await store.getSave({ id: 'pod/pod-1/match/arena' })) !== undefined;
  await expect.poll(isKept).toBe(goesOn);
  expect((await matches.begin('arena').kept) !== undefined).toBe(goesOn);
});
