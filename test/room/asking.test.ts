import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { CommandReplay, ReplayObserver } from '../../host/gpu/replay.ts';
import { Room } from '../../host/room/room.ts';
import type { PlayerView } from '../../host/room/view.ts';
import { REPLY_TEXT } from '../../renderer/contract/abi.ts';
import { FakeInstance, fakeConnection, ManualClock } from './fake.ts';

const REQUEST = { token: 7, address: 64, lengthMax: 8, prompt: 'Name', initial: '' };
const VIEW = { width: 640, height: 360, fps: 60 };

let room: Room;
let clock: ManualClock;
let observer: Partial<ReplayObserver>;
/** Everything that the module got: replies as words, and the addresses of writes. */
let got: number[][];

beforeEach(() => {
  got = [];
  clock = new ManualClock();
  const instance = Object.assign(new FakeInstance(2), {
    reply: (record: ArrayLike<number>) => void got.push(Array.from(record)),
    write: (address: number) => void got.push([address]),
  });
  const replay = {
    observe: (given: Partial<ReplayObserver>) => {
      observer = given;
    },
    start() {},
    destroy() {},
  } as unknown as CommandReplay;
  room = new Room({
    name: 'test',
    clock,
    instance,
    replay,
    config: { maxPlayers: 2, tickRate: 100, seed: 1 },
    createView: () => new Promise<PlayerView>(() => {}),
    log() {},
  });
});
afterEach(() => room.close());

async function join() {
  const player = room.accept(VIEW);
  const connection = fakeConnection();
  player.onConnected(connection);
  await clock.pass(20);
  return { player, connection };
}

const request = () => must(observer.onText, 'observer')(0, REQUEST);

test('a text that the game asks of a player who has lost the connection is shown once the player returns', async () => {
  const { player, connection } = await join();
  player.onLost();
  request();
  must(observer.onRumble, 'observer')(0, { pad: 0, strong: 1, weak: 1, milliseconds: 100 });
  await clock.pass(300);
  const returned = player.return(VIEW);
  await clock.pass(300);
  const again = fakeConnection();
  returned.onConnected(again);
  await clock.pass(50);
  expect([connection.notices, again.notices.filter((kind) => kind === 'text')]).toEqual([[], ['text']]);
  returned.input.text(1, 'Zoë', 1);
  expect(got).toEqual([[64], [REPLY_TEXT, 7, 1, 4]]);
});

test('a text that the game asks of a free seat, or of a player who leaves, is answered as cancelled', async () => {
  request();
  expect(got).toEqual([[REPLY_TEXT, 7, 0, 0]]);
  const { player, connection } = await join();
  request();
  await clock.pass(20);
  expect(connection.notices).toEqual(['text']);
  player.onClosed('page');
  await clock.pass(20);
  expect(got).toEqual([
    [REPLY_TEXT, 7, 0, 0],
    [REPLY_TEXT, 7, 0, 0],
  ]);
});
