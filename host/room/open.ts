import { REPLY_DEVICE_LOST } from '../../renderer/contract/abi.ts';
import type { Engine, Instance, LoadOptions, LogLevel } from '../engine/engine.ts';
import type { Replay } from '../gpu/replay.ts';
import type { Loaded, RoomOptions } from './options.ts';
import { Room } from './room.ts';

/** What a replay needs of its room. */
export interface ReplayOwner {
  log(level: LogLevel, message: string): void;
  reply(record: ArrayLike<number>): void;
  write(address: number, bytes: Uint8Array): void;
}

/** How a room's module is loaded, and what draws for it made. */
export interface Loading {
  load: LoadOptions;
  createReplay(owner: ReplayOwner): Replay;
}

/**
 * Loads a module and makes a room of it.
 * @throws NearlightError as Engine.load, and NL_COMMAND or NL_GPU_VALIDATION for what `init` submitted
 */
export async function openRoom(
  engine: Engine,
  module: Uint8Array,
  options: Omit<RoomOptions, 'instance' | 'replay' | 'reload'> & Loading,
): Promise<Room> {
  const instance = await engine.load(module, options.load);
  return new Room({ ...options, ...(await begin(instance, options)), reload: () => reload(engine, module, options) });
}

/** Loads a module once more after its GPU was lost, which is the first thing that it is told. @throws as openRoom */
export async function reload(engine: Engine, module: Uint8Array, options: Loading): Promise<Loaded> {
  const instance = await engine.load(module, options.load);
  instance.reply([REPLY_DEVICE_LOST]);
  return begin(instance, options);
}

/** Does what `init` has submitted, or ends the instance. @throws NearlightError as Replay.start */
async function begin(instance: Instance, options: Loading): Promise<Loaded> {
  const replay = options.createReplay(replayOwner(instance, options.load));
  try {
    await replay.start(instance.initial);
  } catch (error) {
    replay.destroy();
    await instance.close();
    throw error;
  }
  return { instance, replay };
}

/** The owner of a replay that draws for `instance`. */
export function replayOwner(instance: Instance, { log }: Pick<LoadOptions, 'log'>): ReplayOwner {
  return {
    log,
    reply: (record) => instance.reply(record),
    write: (address, bytes) => instance.write(address, bytes),
  };
}
