import { uptime } from 'node:os';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import { Checkpoints, type Kept } from '../play/checkpoints.ts';
import type { Room } from '../room/room.ts';
import { PodSaves, type SaveStore } from './pod-saves.ts';

/** The next container goes on with a match if its guest was killed or the GPU was lost, which was not the game's doing. */
const PASSING: readonly ErrorCode[] = ['NL_GUEST_KILLED', 'NL_GPU_LOST'];
/** How long the start of a game waits for the match that the edge service may have, and its end until the match is kept. */
const READ_MS_MAX = 1000;
const KEEP_MS_MAX = 1000;
/** On a node that has booted this recently, as after a power cut, the service may be starting too, and a match is worth a longer wait. */
const BOOT_SECONDS = 300;
const BOOT_READ_MS_MAX = 20_000;

export interface PodMatchesOptions {
  /** Id of the pod in Kubernetes. */
  podUid: string;
  /** The node's edge service; undefined if there is none. */
  store: SaveStore | undefined;
  config: Pick<Config, 'checkpointSeconds' | 'resumeSecondsMax'>;
  log: Log;
  /** Seconds since the node has booted. */
  uptime?(): number;
}

/** The match of one container. */
export interface ContainerMatch {
  /** The match of an earlier container, with which this one may go on. */
  readonly kept: Promise<Kept | undefined>;
  /** Keeps the match of the container's room. The next container goes on with it unless the game has ended it. */
  watch(room: Room): void;
  /** Keeps the match as it is now, for the next container. */
  close(): Promise<void>;
}

/** The matches of a pod's containers, one after another. */
export class PodMatches {
  readonly #options: PodMatchesOptions;
  readonly #saves: PodSaves;
  /** Keeps the match of the newest container. */
  #checkpoints: Checkpoints | undefined;
  /** Who had which seat when that was noted last; undefined before that. */
  #seats: Parameters<Checkpoints['noteSeats']>[0] | undefined;

  constructor(options: PodMatchesOptions) {
    this.#options = options;
    this.#saves = new PodSaves(options);
  }

  /** Begins with a container whose game has this name. An edge service that does not answer delays its start and its end by little. */
  begin(game: string): ContainerMatch {
    const { config, log, uptime: seconds = uptime } = this.#options;
    const readMsMax = seconds() < BOOT_SECONDS ? BOOT_READ_MS_MAX : READ_MS_MAX;
    this.#saves.wait(readMsMax);
    const checkpoints = new Checkpoints({ store: this.#saves, config, log, clock: systemClock });
    return {
      kept: within(readMsMax, checkpoints.read(game)),
      watch: (room) => {
        this.#checkpoints = checkpoints;
        // Checkpoints that are closed before the room has ended leave the match where it is.
        void room.ended.then((error) => {
          if (error === undefined || PASSING.includes(error.code)) void checkpoints.close();
        });
        checkpoints.watch(room);
        if (this.#seats) checkpoints.noteSeats(this.#seats);
      },
      close: async () => void (await within(KEEP_MS_MAX, checkpoints.close())),
    };
  }

  /** Notes who has which seat. */
  noteSeats(seats: Parameters<Checkpoints['noteSeats']>[0]): void {
    this.#seats = seats;
    this.#checkpoints?.noteSeats(seats);
  }

  /** See Checkpoints. */
  recordOf(player: Parameters<Checkpoints['recordOf']>[0]): ReturnType<Checkpoints['recordOf']> {
    return this.#checkpoints?.recordOf(player);
  }

  /** Keeps the match of the container that runs. */
  async close(): Promise<void> {
    await within(KEEP_MS_MAX, this.#checkpoints?.close());
  }
}

/** Waits for something, but not longer than `ms`. Resolves with undefined then. */
function within<T>(ms: number, work: Promise<T> | undefined): Promise<T | undefined> {
  const late = systemClock.until(milli(systemClock.now() + ms)).then(() => undefined);
  return Promise.race([Promise.resolve(work), late]);
}
