import type { Clock } from '../../host/base/clock.ts';
import { Broadcast } from '../../host/room/broadcast.ts';
import type { RoomOptions } from '../../host/room/options.ts';
import { PixelBudget } from '../../host/room/pixels.ts';
import type { Picture } from '../../host/room/shares.ts';
import type { PlayerView } from '../../host/room/view.ts';
import type { Feedback, PlayerConnection, ViewRequest } from '../../host/stream/player.ts';
import { FakeSound, fakeConnection, ManualClock, settle } from './fake.ts';

/** The picture that spectators and players ask for. */
export const REQUEST = { width: 640, height: 360, fps: 60 };

/** A view that records what happens to it, and the connection that it sends to. */
class FakeView {
  ready = true;
  closed = false;
  keyframes = 0;
  presented = 0;
  readonly rates: number[] = [];
  readonly pictures: Picture[] = [];
  readonly surface = { texture: { width: 640, height: 360 } };
  readonly stats = { dropped: 0 };
  readonly request: ViewRequest;
  readonly connection: PlayerConnection;
  constructor(request: ViewRequest, connection: PlayerConnection) {
    this.request = request;
    this.connection = connection;
  }
  present(): void {
    this.presented++;
  }
  fit(picture: Picture): void {
    this.pictures.push(picture);
  }
  requestKeyframe(): void {
    this.keyframes++;
  }
  feedback({ videoBitsPerSecond }: Readonly<Feedback>): void {
    this.rates.push(videoBitsPerSecond);
  }
  async close(): Promise<void> {
    this.closed = true;
  }
}

/** Parts of a room that record what happens to them. */
export function parts() {
  const views: FakeView[] = [];
  const sounds: FakeSound[] = [];
  const lines: string[] = [];
  const fail: { view?: (error: unknown) => void } = {};
  const options: Pick<RoomOptions, 'name' | 'createView' | 'createSound' | 'log'> = {
    name: 'test',
    createView: async (request, connection, onError) => {
      const view = new FakeView(request, connection);
      views.push(view);
      fail.view = onError;
      return view as unknown as PlayerView;
    },
    createSound: async () => {
      const sound = new FakeSound();
      sounds.push(sound);
      return sound;
    },
    log: (level, message) => lines.push(`${level} ${message}`),
  };
  return { views, sounds, lines, fail, options };
}

/** A broadcast without a room, and what it is made of. */
export function stage({
  spectatorsMax = 4,
  spectatorDelayMs = 0,
  clock = new ManualClock() as Clock,
  pixels = new PixelBudget(Number.POSITIVE_INFINITY),
  hasSound = true,
} = {}) {
  const made = parts();
  const broadcast = new Broadcast({
    ...made.options,
    clock,
    config: { spectatorsMax, spectatorDelayMs },
    seats: 2,
    pixels,
    hasSound: () => hasSound,
    wake() {},
  });
  broadcast.rest(false);
  /** Admits a spectator whose page connects at once. */
  const watch = async (fields: Partial<PlayerConnection> = {}, request: ViewRequest = REQUEST) => {
    const player = broadcast.admit(request);
    const connection = { ...fakeConnection(), ...fields };
    player.onConnected(connection);
    await settle();
    return { player, connection };
  };
  return { broadcast, watch, ...made };
}
