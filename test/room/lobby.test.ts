import { expect, test } from 'vitest';
import { NearlightError } from '../../host/errors.ts';
import { Lobby } from '../../host/room/lobby.ts';
import type { Room } from '../../host/room/room.ts';
import { ManualClock, settle } from './fake.ts';

const request = { width: 640, height: 360, fps: 60 };

function fakeRoom(name: string) {
  const ended = Promise.withResolvers<NearlightError | undefined>();
  let closed = false;
  const room = {
    name,
    ended: ended.promise,
    accept: () => ({ game: name }),
    async close() {
      closed = true;
      ended.resolve(undefined);
    },
  } as unknown as Room;
  return { room, end: () => ended.resolve(undefined), closed: () => closed };
}

test('gives the first room to a page without a wish, others by name', async () => {
  const lobby = new Lobby(new ManualClock());
  await lobby.add('arena', async () => fakeRoom('arena').room);
  await lobby.add('latency', async () => fakeRoom('latency').room);
  expect((await lobby.accept(undefined, request)).game).toBe('arena');
  expect((await lobby.accept('latency', request)).game).toBe('latency');
  await expect(lobby.accept('chess', request)).rejects.toThrow('there is arena, latency');
});

test('opens a room that ended again, but not at once', async () => {
  const clock = new ManualClock();
  const lobby = new Lobby(clock);
  const rooms: ReturnType<typeof fakeRoom>[] = [];
  await lobby.add('arena', async () => {
    const made = fakeRoom('arena');
    rooms.push(made);
    return made.room;
  });
  rooms[0]!.end();
  await settle();
  expect(lobby.rooms).toEqual([]);
  await clock.pass(999);
  await expect(lobby.accept('arena', request)).rejects.toThrow('NL_ROOM_ENDED');
  await clock.pass(1);
  await Promise.all([lobby.accept('arena', request), lobby.accept('arena', request)]);
  expect(rooms.length).toBe(2);
});

test('tells the page why a room cannot be opened again', async () => {
  const clock = new ManualClock();
  const lobby = new Lobby(clock);
  const first = fakeRoom('arena');
  let opened = 0;
  await lobby.add('arena', async () => {
    if (opened++ > 0) throw new NearlightError('NL_MODULE_INVALID', 'it was replaced by rubbish');
    return first.room;
  });
  first.end();
  await settle();
  await clock.pass(1000);
  await expect(lobby.accept('arena', request)).rejects.toThrow('rubbish');
});

test('close closes every room and refuses pages', async () => {
  const lobby = new Lobby(new ManualClock());
  const made = fakeRoom('arena');
  await lobby.add('arena', async () => made.room);
  await lobby.close();
  expect(made.closed()).toBe(true);
  await expect(lobby.accept(undefined, request)).rejects.toThrow('NL_SHUTDOWN');
});
