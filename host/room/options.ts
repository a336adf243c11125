import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Instance, LogLevel } from '../engine/engine.ts';
import type { CommandReplay } from '../gpu/replay.ts';
import type { Meters } from '../observe/meters.ts';
import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import type { PlayerView } from './view.ts';

export type RoomConfig = Pick<Config, 'maxPlayers' | 'tickRate' | 'seed'>;

export interface RoomOptions {
  name: string;
  /** Wakes the room for its ticks and frames. In a browser tab it may wake the room at each refresh of the display. */
  clock: Clock;
  config: RoomConfig;
  instance: Instance;
  replay: CommandReplay;
  /** The host's counters. The room has figures of its own as well. */
  meters?: Meters;
  /** Loads the module again after its GPU was lost. Without this function the room ends with its GPU. */
  reload?(): Promise<Loaded>;
  /** Number of ticks that the instance has already made. Default 0. */
  ticks?: number;
  /** Number of ticks to make before any player is there, so that the game can load its data in them. Default 0. */
  warmUpTicks?: number;
  /** Makes a player's view. Called when the player has connected. */
  createView(
    request: ViewRequest,
    connection: PlayerConnection,
    onError: (error: unknown) => void,
  ): Promise<PlayerView>;
  log(level: LogLevel, message: string): void;
}

/** A running module and the replay that draws for it. */
export interface Loaded {
  instance: Instance;
  replay: CommandReplay;
}
