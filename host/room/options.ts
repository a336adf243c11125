import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Instance, LogLevel } from '../engine/engine.ts';
import type { CommandReplay } from '../gpu/replay.ts';
import type { Meters } from '../observe/meters.ts';
import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import type { View } from './view.ts';

export type RoomConfig = Pick<Config, 'maxPlayers' | 'tickRate' | 'seed'>;

export interface RoomOptions {
  name: string;
  clock: Clock;
  config: RoomConfig;
  instance: Instance;
  replay: CommandReplay;
  /** What the host counts beside the room's own figures. */
  meters?: Meters;
  /** Loads the module once more, on the GPU of then; without it the room ends with its GPU. */
  reload?(): Promise<Loaded>;
  /** Ticks that the instance has made already; 0 without. */
  ticks?: number;
  /** Ticks to make though nobody plays yet, so that a game that loads in its first ones is ready for its first player. */
  warmUpTicks?: number;
  /** Makes a player's picture; called when the player has connected. */
  createView(request: ViewRequest, connection: PlayerConnection, onError: (error: unknown) => void): Promise<View>;
  log(level: LogLevel, message: string): void;
}

/** A module that runs, and what draws for it. */
export interface Loaded {
  instance: Instance;
  replay: CommandReplay;
}
