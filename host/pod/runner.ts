import type { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Milli } from '../base/time.ts';
import type { AssetMemory } from './opener.ts';
import type { User } from './security-context.ts';

/** A game that a container should run. */
export interface GameRequest {
  name: string;
  module: Uint8Array;
  /** The game's assets; undefined if the image has none. */
  assets: AssetMemory | undefined;
  /** The container's environment. */
  env: Record<string, string>;
  /** User and group of the game's process, which the pod asks for; if undefined, the engine chooses. */
  user?: User | undefined;
  /** When containerd asked for the container, as performance.now() counts time. */
  createdAt: Milli;
  /** Whether players stay connected and wait for the next game when this one ends. */
  hold: boolean;
  /** Whether the pod has its own network rather than the node's. */
  ownNetwork: boolean;
  /** Id of the pod in Kubernetes, by which its matches are kept; undefined for a container without a pod, which keeps none. */
  podUid?: string | undefined;
  /** Called after the game has moved to another guest process, whose id is then the game's `pid`. */
  renewed(): void;
  log: Log;
}

/** A game that is loaded and may be running. */
export interface LoadedGame {
  /** Id of the guest process that runs the game. */
  readonly pid: number;
  /** Ids of all processes of the game, `pid` first. */
  readonly pids: readonly number[];
  /** Runs the game's first tick. Players can join soon afterwards. @throws NearlightError why the game cannot run */
  begin(): Promise<void>;
  /**
   * Takes no new players from now on, and stops when no one plays any more, the round of those who play ends, or their time is up.
   * @returns false if the game should stop now, because it is draining already, or does not let players play on
   */
  drain(): boolean;
  /** Resolves with the error that ended the game, or with undefined after stop(). */
  readonly ended: Promise<NearlightError | undefined>;
  /** Ends the game; resolves when its process is gone. Further calls do nothing. */
  stop(): Promise<void>;
}

/** The output and the exit status of a built-in command of a pod. */
export interface CommandResult {
  status: number;
  stdout: string | Uint8Array;
  stderr: string;
}

/** Runs the game of a pod, and the commands in it, as containerd asks for. */
export interface GameRunner {
  /** Starts a process for the pod's first game under this user. Resolves when it has been started. @throws NearlightError */
  prepareAs(user: User): Promise<void>;
  /** Checks, compiles and loads a game. @throws NearlightError NL_SETTING, NL_MODULE_*, NL_COMPILE, NL_GUEST_*, NL_NO_GPU */
  load(request: GameRequest): Promise<LoadedGame>;
  /** Runs one of the built-in commands that `kubectl exec` offers in place of programs. */
  command(args: readonly string[]): Promise<CommandResult>;
  /** Ends the guest process, disconnects the players and closes the server. */
  close(): Promise<void>;
}
