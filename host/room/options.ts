import type { GameAction } from '../base/actions.ts';
import type { BusPort, EventSink, Phase } from '../base/bus.ts';
import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { Instance } from '../engine/engine.ts';
import type { CommandReplay } from '../gpu/replay.ts';
import type { Meters } from '../observe/meters.ts';
import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import type { PixelBudget } from './pixels.ts';
import type { PlayerSound } from './sound.ts';
import type { PlayerView } from './view.ts';

export type RoomConfig = Pick<Config, 'maxPlayers' | 'tickRate' | 'seed'> &
  Partial<
    Pick<
      Config,
      | 'spectatorsMax'
      | 'spectatorDelayMs'
      | 'fightActionsPerSecond'
      | 'fightFramesMin'
      | 'busMessagesPerSecondMax'
      | 'dataBytesMax'
    >
  >;

/** The players of a match that an earlier process has begun, as the state that the module has restored knows them. */
export interface Resumed {
  /** Numbers of the seats whose players have joined. */
  readonly seats: readonly number[];
  readonly phase?: Phase | undefined;
}

export interface RoomOptions {
  name: string;
  /** Wakes the game's loop for ticks and frames. In a browser tab, the clock may wake it at each refresh of the display. */
  clock: Clock;
  config: RoomConfig;
  instance: Instance;
  replay: CommandReplay;
  /** The actions that a player can take in the game, for the players' pages. */
  actions?: readonly GameAction[];
  /** The counters of the whole host process. The game also keeps statistics of its own. */
  meters?: Meters;
  /** The room's place on the bus, which the room closes. Without it, no other room hears this one. */
  port?: BusPort;
  /** Keeps the results of matches. */
  sink?: EventSink;
  /** The budget for the pixels of the players' pictures. Without it, there is no limit. */
  pixels?: PixelBudget;
  /** Loads the module again after its GPU was lost. Without this function, the loss ends the game. */
  reload?(): Promise<Loaded>;
  /** Number of simulation ticks that the module's instance has already made. Default 0. */
  ticks?: number;
  /** Set if the module's instance has restored the state of a match with players. */
  resumed?: Resumed | undefined;
  /** Number of simulation ticks to make before the first player joins, in which the game can load its data. Default 0. */
  warmUpTicks?: number;
  /** Creates the target of a player's frames, such as a video stream. Called when the player has connected. */
  createView(
    request: ViewRequest,
    connection: PlayerConnection,
    onError: (error: unknown) => void,
  ): Promise<PlayerView>;
  /**
   * Creates what takes a player's sound. Returns undefined if the player's page takes none. Without this function the game is
   * silent.
   */
  createSound?(connection: PlayerConnection, onError: (error: unknown) => void): Promise<PlayerSound> | undefined;
  log: Log;
  /** Called after the first simulation tick of this process. */
  onFirstTick?(): void;
}

/** A running module, and the object that executes its commands on the GPU. */
export interface Loaded {
  instance: Instance;
  replay: CommandReplay;
}
