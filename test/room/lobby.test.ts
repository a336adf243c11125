import { beforeEach, describe, expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { Lobby } from '../../host/room/lobby.ts';
import type { Room } from '../../host/room/room.ts';
import { at } from '../at.ts';
import { ManualClock, settle } from './fake.ts';

const request = { width: 640, height: 360, fps: 60 };

function fakeRoom(name: string) {
  const ended = Promise.withResolvers<NearlightError | undefined>();
  let closed = false;
  const room = {
    name,
    ended: ended.promise,
    checkFree: () => {},
    accept: () => ({ game: name }),
    async close() {
      closed = true;
      ended.resolve(undefined);
    },
  } as unknown as Room;
  return { room, end: (error?: NearlightError) => ended.resolve(error), closed: () => closed };
}

test('a page that names no game gets the first room, and others get the room that they name', async () => {
  const lobby = new Lobby(new ManualClock());
  await lobby.add('arena', async () => fakeRoom('arena').room);
  await lobby.add('latency', async () => fakeRoom('latency').room);
  expect((await lobby.accept(undefined, request)).game).toBe('arena');
  expect((await lobby.accept('latency', request)).game).toBe('latency');
  await expect(lobby.accept('chess', request)).rejects.toThrow('there is arena, latency');
});

test('a page learns that too many watch before it has a connection', async () => {
  const lobby = new Lobby(new ManualClock());
  let isFull = false;
  const watchable = {
    checkWatchable() {
      if (isFull) throw new NearlightError('NL_SPECTATORS', 'one may watch');
    },
    watch: () => ({ game: 'arena' }),
  };
  await lobby.add('arena', async () => Object.assign(fakeRoom('arena').room, watchable) as unknown as Room);
  const take = await lobby.watch('arena', request);
  expect(take().game).toBe('arena');
  isFull = true;
  await expect(lobby.watch('arena', request)).rejects.toThrow('NL_SPECTATORS');
});

test('a room that has ended is opened again for the next player, but at most once a second', async () => {
  const clock = new ManualClock();
  const lobby = new Lobby(clock);
  const rooms: ReturnType<typeof fakeRoom>[] = [];
  await lobby.add('arena', async () => {
    const made = fakeRoom('arena');
    rooms.push(made);
    return made.room;
  });
  at(rooms, 0).end();
  await settle();
  expect(lobby.rooms).toEqual([]);
  await clock.pass(999);
  await expect(lobby.accept('arena', request)).rejects.toThrow('NL_ROOM_ENDED');
  await clock.pass(1);
  await Promise.all([lobby.accept('arena', request), lobby.accept('arena', request)]);
  expect(rooms.length).toBe(2);
});

describe('a room that kept the GPU busy for too long', () => {
  const MINUTE = 60_000;
  const tooLong = new NearlightError('NL_GPU_TIME', 'its work did not end');
  let clock: ManualClock;
  let lobby: Lobby;
  let rooms: ReturnType<typeof fakeRoom>[];

  beforeEach(async () => {
    clock = new ManualClock();
    lobby = new Lobby(clock);
    rooms = [];
    await lobby.add('arena', async () => {
      const made = fakeRoom('arena');
      rooms.push(made);
      return made.room;
    });
  });

  /** Ends the room, and expects that it stays closed for `ms` and can be opened again after that. */
  async function expectClosedFor(ms: number, error?: NearlightError): Promise<void> {
    const opened = rooms.length;
    at(rooms, -1).end(error);
    await settle();
    await clock.pass(ms - 1);
    await expect(lobby.accept('arena', request)).rejects.toThrow('NL_ROOM_ENDED');
    expect(rooms.length).toBe(opened);
    await clock.pass(1);
    await lobby.accept('arena', request);
    expect(rooms.length).toBe(opened + 1);
  }

  test('a room that kept the GPU busy stays closed for a minute, then twice as long each time, up to an hour', async () => {
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) await expectClosedFor(minutes * MINUTE, tooLong);
  });

  test('a room with a shader that took too much to compile stays closed likewise, and tells why', async () => {
    const shader = new NearlightError('NL_SHADER', 'command 0');
    at(rooms, 0).end(shader);
    await settle();
    await expect(lobby.accept('arena', request)).rejects.toThrow(
      /^NL_ROOM_ENDED: .*one of its shaders took too much to compile \(NL_SHADER\) and opens again in 60 s$/,
    );
    await clock.pass(MINUTE);
    await lobby.accept('arena', request);
    await expectClosedFor(2 * MINUTE, shader);
  });

  test('a room whose init has such a shader stays closed, although it has not opened', async () => {
    const failing = new Lobby(clock);
    let attempts = 0;
    const open = async () => {
      attempts++;
      throw new NearlightError('NL_SHADER', 'command 0');
    };
    await expect(failing.add('bad', open)).rejects.toThrow('NL_SHADER');
    await clock.pass(MINUTE - 1);
    await expect(failing.accept('bad', request)).rejects.toThrow(/^NL_ROOM_ENDED: .*\(NL_SHADER\)/);
    expect(attempts).toBe(1);
    await clock.pass(1);
    await expect(failing.accept('bad', request)).rejects.toThrow(/^NL_SHADER/);
    expect(attempts).toBe(2);
  });

  test('a room that kept the GPU busy tells a page why it is closed and when it opens again', async () => {
    at(rooms, 0).end(tooLong);
    await settle();
    await clock.pass(15_000);
    await expect(lobby.accept('arena', request)).rejects.toThrow(
      'NL_ROOM_ENDED: The game has ended: it kept the GPU busy for too long (NL_GPU_TIME) and opens again in 45 s',
    );
  });

  test('a room that kept the GPU busy is forgiven once it has run for as long as it was closed', async () => {
    await expectClosedFor(MINUTE, tooLong);
    await clock.pass(MINUTE - 1);
    await expectClosedFor(2 * MINUTE, tooLong);
    await clock.pass(2 * MINUTE);
    await expectClosedFor(MINUTE, tooLong);
  });

  test('a room that hung the GPU stays closed even if it ended for another reason before the hang was reported', async () => {
    const { room } = at(rooms, 0);
    at(rooms, 0).end(new NearlightError('NL_GUEST_TRAP', 'unreachable'));
    await settle();
    room.onHung();
    room.onHung();
    await clock.pass(MINUTE - 1);
    await expect(lobby.accept('arena', request)).rejects.toThrow('NL_GPU_TIME');
    await clock.pass(1);
    await lobby.accept('arena', request);
  });

  test('a room that kept the GPU busy is not forgiven when it later ends for another reason', async () => {
    await expectClosedFor(MINUTE, tooLong);
    await expectClosedFor(1000, new NearlightError('NL_GUEST_TRAP', 'unreachable'));
    await expectClosedFor(2 * MINUTE, tooLong);
  });
});

test('a page gets the reason why a room cannot be opened again', async () => {
  const clock = new ManualClock();
  const lobby = new Lobby(clock);
  const first = fakeRoom('arena');
  let opened = 0;
  await lobby.add('arena', async () => {
    if (opened++ > 0) throw new NearlightError('NL_MODULE_INVALID', 'the file is damaged');
    return first.room;
  });
  first.end();
  await settle();
  await clock.pass(1000);
  await expect(lobby.accept('arena', request)).rejects.toThrow('damaged');
});

test('closing the lobby closes every room and refuses pages', async () => {
  const lobby = new Lobby(new ManualClock());
  const made = fakeRoom('arena');
  await lobby.add('arena', async () => made.room);
  await lobby.close();
  expect(made.closed()).toBe(true);
  await expect(lobby.accept(undefined, request)).rejects.toThrow('NL_SHUTDOWN');
});
