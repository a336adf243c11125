import type { Clock } from '../../host/base/clock.ts';
import type { NearlightError } from '../../host/base/errors.ts';
import { Samples } from '../../host/base/samples.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import type { Resumed } from '../../host/room/options.ts';
import { PixelBudget } from '../../host/room/pixels.ts';
import { Room } from '../../host/room/room.ts';
import type { Picture } from '../../host/room/shares.ts';
import type { PlayerSound } from '../../host/room/sound.ts';
import type { PlayerView } from '../../host/room/view.ts';
import { FakeInstance, FakeSound, fakeConnection, ManualClock } from './fake.ts';

/** The picture that players ask for. */
export const request = { width: 640, height: 360, fps: 60 };

class FakeView {
  ready = true;
  frames = 0;
  closed = false;
  readonly pictures: Picture[] = [];
  readonly surface = { texture: { width: 640, height: 360 } };
  readonly stats = { frames: 0, dropped: 0, bytes: 0, inputToSendMs: new Samples() };
  present(): void {
    this.frames++;
  }
  fit(picture: Picture): void {
    this.pictures.push(picture);
  }
  requestKeyframe(): void {}
  feedback(): void {}
  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A room with stand-ins for its parts, which the test can observe. */
export interface Stage {
  room: Room;
  clock: ManualClock;
  instance: FakeInstance;
  views: FakeView[];
  sounds: FakeSound[];
  lines: string[];
  replay: { destroyed: boolean; fault: NearlightError | undefined };
}

const open: Room[] = [];

/** Closes the rooms of all stages. */
export async function closeStages(): Promise<void> {
  await Promise.all(open.splice(0).map((room) => room.close()));
}

export interface StageOptions {
  /** The players of a match of 70 ticks that an earlier process has begun. */
  resumed?: Resumed;
  instance?: FakeInstance;
  seats?: number;
  tickRate?: number;
  clock?: Clock;
  pixels?: number;
  /** Whether the game has sound. */
  hasSound?: boolean;
  /** Opens the sound of a player, or fails. */
  openSound?: (sound: FakeSound) => Promise<PlayerSound> | undefined;
}

/** Opens a room with two seats and 120 ticks per second, unless the options say otherwise. */
export function stage(options: StageOptions = {}): Stage {
  const { seats = 2, tickRate = 120 } = options;
  const clock = new ManualClock();
  const { instance = new FakeInstance(seats) } = options;
  instance.hasSound = options.hasSound ?? false;
  const sounds: FakeSound[] = [];
  const views: FakeView[] = [];
  const lines: string[] = [];
  const replayed: Stage['replay'] = { destroyed: false, fault: undefined };
  const replay = {
    observe() {},
    start() {
      if (replayed.fault) throw replayed.fault;
    },
    destroy() {
      replayed.destroyed = true;
    },
  } as unknown as CommandReplay;
  const room = new Room({
    name: 'test',
    clock: options.clock ?? clock,
    instance,
    replay,
    config: { maxPlayers: seats, tickRate, seed: 1 },
    ...(options.pixels ? { pixels: new PixelBudget(options.pixels) } : {}),
    ...(options.resumed ? { resumed: options.resumed, ticks: 70 } : {}),
    createView: async () => {
      const view = new FakeView();
      views.push(view);
      return view as unknown as PlayerView;
    },
    createSound: () => {
      const sound = new FakeSound();
      sounds.push(sound);
      return options.openSound ? options.openSound(sound) : Promise.resolve(sound);
    },
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  open.push(room);
  return { room, clock, instance, views, sounds, lines, replay: replayed };
}

/** Lets a player join a room, and connect to it. */
export async function join(on: Stage) {
  const player = on.room.accept(request);
  const connection = fakeConnection();
  player.onConnected(connection);
  await on.clock.pass(10);
  return { player, connection };
}

/** Returns how many calls begin with a word. */
export function count(calls: string[], word: string): number {
  return calls.filter((call) => call.startsWith(word)).length;
}
