import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import type { Submission } from '../../host/engine/engine.ts';
import type { CommandReplay, Surface } from '../../host/gpu/replay.ts';
import type { Launcher } from '../../host/play/launch.ts';
import { openRoom } from '../../host/play/room.ts';
import type { Room } from '../../host/room/room.ts';
import type { PlayerView } from '../../host/room/view.ts';
import type { PlayerConnection } from '../../host/stream/player.ts';
import { REPLY_DEVICE_LOST, REPLY_PIPELINE } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';
import { FakeInstance, fakeConnection, ManualClock, settle } from './fake.ts';

const SEATS = 3;
const request = { width: 640, height: 360, fps: 60 };
const drawing: Submission = { commands: new Uint32Array(1), data: new Uint8Array() };
const gpuLost = new NearlightError('NL_GPU_LOST', 'while a pipeline compiled');

/** A stand-in for a module's instance whose calls all submit commands, and that records the replies that it gets. */
class DrawingInstance extends FakeInstance {
  readonly replies: number[] = [];
  override readonly initial = drawing;
  override reply(record: ArrayLike<number> = []): void {
    this.replies.push(record[0] ?? 0);
  }
  override join = (seat: number) => this.#drawn(super.join(seat));
  override leave = (seat: number) => this.#drawn(super.leave(seat));
  override tick = (tick: number) => this.#drawn(super.tick(tick));
  async #drawn(call: Promise<Submission>): Promise<Submission> {
    await call;
    return drawing;
  }
}

class FakeView {
  readonly ready = true;
  readonly stats = { dropped: 0 };
  readonly surface = { texture: { width: 640, height: 360 } };
  frames = 0;
  closed = false;
  readonly connection: PlayerConnection;
  constructor(connection: PlayerConnection) {
    this.connection = connection;
  }
  present(): void {
    this.frames++;
  }
  async close(): Promise<void> {
    this.closed = true;
  }
}

let clock: ManualClock;
let room: Room;
let instances: DrawingInstance[];
let views: FakeView[];
/** The error that the replay of the next commands throws, once. */
let fault: NearlightError | undefined;
/** Called while the module is loaded. */
let onLoad: () => Promise<void>;
/** New views wait for this promise before they open. */
let opening: Promise<void>;

beforeEach(async () => {
  clock = new ManualClock();
  [instances, views, fault, opening] = [[], [], undefined, Promise.resolve()];
  onLoad = async () => {};
  const launcher: Launcher = {
    log: () => {},
    async createInstance() {
      const instance = new DrawingInstance(SEATS);
      instances.push(instance);
      await onLoad();
      return instance;
    },
    createReplay(owner) {
      let begun = false;
      const start = (): void => {
        // Answers the request that the module's `init` made.
        if (!begun) owner.reply([REPLY_PIPELINE]);
        begun = true;
        const error = fault;
        fault = undefined;
        if (error) throw error;
      };
      return { start, observe() {}, destroy() {} } as unknown as CommandReplay;
    },
  };
  room = await openRoom(launcher, {
    name: 'test',
    clock,
    config: { maxPlayers: SEATS, tickRate: 100, seed: 1 },
    createView: async (_, connection) => {
      const made = new FakeView(connection);
      views.push(made);
      await opening;
      return made as unknown as PlayerView;
    },
    log: () => {},
  });
});

afterEach(() => room.close());

async function join() {
  const player = room.accept(request);
  const connection = fakeConnection();
  player.onConnected(connection);
  await clock.pass(20);
  return { player, connection };
}

const ticks = (): number[] =>
  instances.flatMap(({ calls }) => calls.flatMap((call) => (call.startsWith('tick') ? Number(call.slice(5)) : [])));

async function recover(options?: { causedElsewhere: boolean }): Promise<void> {
  const done = room.recover('a test', options);
  await clock.pass(30);
  await done;
}

/** Loses the GPU at the replay of the next commands, and lets the room recover. */
async function lose(): Promise<void> {
  fault = gpuLost;
  await clock.pass(15);
  expect(fault).toBeUndefined();
  await recover();
}

describe('a room whose GPU was lost', () => {
  test('a room whose GPU was lost keeps its state and players; the loss is the first reply that its module reads', async () => {
    const { connection } = await join();
    await recover();
    expect(instances.length).toBe(2);
    expect(at(instances, 0).closed).toBe(true);
    expect(at(instances, 0).calls.at(-1)).toBe('save');
    expect(at(instances, 1).calls.slice(0, 2)).toEqual(['restore 1 2 3', 'join 0']);
    expect(at(instances, 0).replies).toEqual([REPLY_PIPELINE]);
    expect(at(instances, 1).replies).toEqual([REPLY_DEVICE_LOST, REPLY_PIPELINE]);
    expect(connection.notices).toEqual([]);
  });

  test('a room makes no tick twice, even if the GPU was lost in the middle of one', async () => {
    await join();
    await lose();
    const made = ticks();
    expect(instances.length).toBe(2);
    expect(made.length).toBeGreaterThan(4);
    expect(made).toEqual(made.map((_, index) => index));
  });

  test('a room closes an old view that opens only after the recovery, and keeps the new one', async () => {
    let open = () => {};
    opening = new Promise((resolve) => {
      open = resolve;
    });
    await join();
    opening = Promise.resolve();
    await recover();
    open();
    await clock.pass(100);
    expect(views.map(({ closed }) => closed)).toEqual([true, false]);
    expect(at(views, 0).frames).toBe(0);
    expect(at(views, 1).frames).toBeGreaterThan(2);
  });

  test('a room closes an old view that opens during the recovery', async () => {
    let open = () => {};
    opening = new Promise((resolve) => {
      open = resolve;
    });
    await join();
    opening = Promise.resolve();
    onLoad = async () => {
      open();
      await settle();
    };
    await recover();
    await clock.pass(100);
    expect(views.map(({ closed }) => closed)).toEqual([true, false]);
  });

  test('a room keeps its player when a view fails because the GPU was lost', async () => {
    let fail = (_: Error) => {};
    opening = new Promise((_, reject) => {
      fail = reject;
    });
    const { connection } = await join();
    opening = Promise.resolve();
    await recover();
    fail(new Error('the device is lost'));
    await clock.pass(50);
    expect(connection.notices).toEqual([]);
    expect(at(views, 1).frames).toBeGreaterThan(0);
  });

  test('a room that recovers keeps the players that had joined, and not those that left', async () => {
    const first = await join();
    const second = room.accept(request);
    second.onConnected(fakeConnection());
    await lose();
    expect(at(instances, 1).calls).toEqual(expect.arrayContaining(['join 0', 'join 1']));
    expect(views.filter(({ closed }) => !closed).length).toBe(2);
    first.player.onClosed('page');
    await lose();
    expect(at(instances, 2).calls.filter((call) => call.startsWith('join'))).toEqual(['join 1']);
    expect(room.players).toBe(1);
    expect(room.accept(request).seat).toBe(0);
  });

  test('a room refuses to draw on a surface of the lost GPU, and goes on', async () => {
    await join();
    const surface = { texture: { width: 16, height: 16 } } as unknown as Surface;
    const renewed = recover();
    await expect(room.picture(surface)).rejects.toThrow('NL_GPU_LOST');
    await renewed;
    const failed = expect(room.picture(surface)).rejects.toThrow('NL_GPU_LOST');
    await lose();
    await failed;
    const drawn = room.picture(surface);
    await clock.pass(15);
    await drawn;
    expect(room.isClosed).toBe(false);
  });

  test.each([
    ['starts again', 0],
    ['has restored its state', 1],
  ])('a room whose GPU is lost again when the module %s recovers with the same state', async (_, restored) => {
    const { connection } = await join();
    onLoad = async () => {
      onLoad = async () => {};
      const made = at(instances, -1);
      const restore = made.restore.bind(made);
      made.restore = async (state) => {
        await restore(state);
        fault = gpuLost;
        return drawing;
      };
      if (!restored) fault = gpuLost;
    };
    await recover();
    expect(fault).toBeUndefined();
    expect(room.isClosed).toBe(false);
    await recover();
    const restoring = 'restore 1 2 3';
    expect(instances.map(({ calls }) => calls.filter((call) => /^(save|restore)/.test(call)))).toEqual([
      ['save'],
      restored ? [restoring] : [],
      [restoring],
    ]);
    expect(instances.map(({ closed }) => closed)).toEqual([true, true, false]);
    expect(connection.notices).toEqual([]);
    expect(at(views, -1).frames).toBeGreaterThan(0);
  });

  test('a room ends after too many losses of the GPU with an unknown cause', async () => {
    await join();
    for (let time = 0; time < 3; time++) await recover();
    expect(room.isClosed).toBe(false);
    await recover();
    expect(await room.ended).toMatchObject({ code: 'NL_GPU_LOST' });
    expect(instances.length).toBe(4);
  });

  test('a room recovers any number of times if other rooms caused the loss, and may recover again after a minute', async () => {
    await join();
    for (let time = 0; time < 10; time++) await recover({ causedElsewhere: true });
    for (let time = 0; time < 3; time++) await recover();
    clock.jump(60_000);
    for (let time = 0; time < 3; time++) await recover();
    expect(room.isClosed).toBe(false);
    expect(instances.length).toBe(17);
  });
});

test('a player who is away keeps the seat through the recovery, and can return afterwards', async () => {
  const { player } = await join();
  player.onLost();
  await clock.pass(20);
  await recover();
  expect(at(instances, 1).calls.filter((call) => call.startsWith('join'))).toEqual(['join 0']);
  expect([views.length, player.canReturn()]).toEqual([1, true]);
  player.return(request).onConnected(fakeConnection());
  await clock.pass(50);
  expect(at(instances, 1).calls.filter((call) => call.startsWith('join'))).toEqual(['join 0']);
  expect(at(views, 1).frames).toBeGreaterThan(0);
});
