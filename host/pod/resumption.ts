import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { Instance, Submission } from '../engine/engine.ts';
import type { Launcher } from '../play/launch.ts';
import { checkSeats } from '../play/room.ts';
import type { SavedMatch } from '../room/room.ts';

/** A match that goes on in an instance of its module, before it has a room. */
export interface Resumption {
  readonly match: SavedMatch;
  /** The module's submissions in `init` and in `load`. */
  readonly submissions: readonly Submission[];
}

export interface ResumeOptions {
  name: string;
  /** An instance that was just loaded. */
  instance: Instance;
  launcher: Pick<Launcher, 'createInstance'>;
  /** The match of an earlier container of the pod; undefined for a new match. */
  match: SavedMatch | undefined;
  config: Pick<Config, 'maxPlayers'>;
  log: Log;
}

/**
 * Restores a match in an instance. If the module does not take its state, which may end the instance, a new match begins in another one.
 * @throws NearlightError as Launcher.createInstance
 */
export async function resume(
  options: ResumeOptions,
): Promise<{ instance: Instance; resumption: Resumption | undefined }> {
  const { name, instance, launcher, match, config, log } = options;
  if (!match) return { instance, resumption: undefined };
  try {
    checkSeats(match, config);
    const initial = copy(instance.initial);
    const submissions = [initial, copy(await instance.restore(match.state))];
    const { ticks, seats } = match;
    log('info', `${name}: the match goes on at tick ${ticks}; its players: ${seats.length}`, { room: name });
    return { instance, resumption: { match, submissions } };
  } catch (error) {
    const { message } = error as Error;
    log('warn', `${name}: the kept match does not go on, and a new one begins: ${message}`, { room: name });
    await instance.close();
    return { instance: await launcher.createInstance(), resumption: undefined };
  }
}

/** Copies the GPU commands and data that a module has submitted, which are valid only until its next call. */
export function copy({ commands, data }: Submission): Submission {
  return { commands: commands.slice(), data: data.slice() };
}
