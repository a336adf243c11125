import type { Engine, LoadOptions, LogLevel } from '../engine/engine.ts';
import type { Replay } from '../gpu/replay.ts';
import { type Loaded, Room, type RoomOptions } from './room.ts';

/** What a replay needs of its room. */
export interface ReplayOwner {
  log(level: LogLevel, message: string): void;
  reply(record: ArrayLike<number>): void;
  write(address: number, bytes: Uint8Array): void;
}

/**
 * Loads a module and makes a room of it.
 * @throws NearlightError as Engine.load, and NL_COMMAND or NL_GPU_VALIDATION for what `init` submitted
 */
export async function openRoom(
  engine: Engine,
  module: Uint8Array,
  options: Omit<RoomOptions, 'instance' | 'replay' | 'reload'> & {
    load: LoadOptions;
    createReplay(owner: ReplayOwner): Replay;
  },
): Promise<Room> {
  const reload = () => load(engine, module, options);
  return new Room({ ...options, ...(await reload()), reload });
}

async function load(
  engine: Engine,
  module: Uint8Array,
  options: { load: LoadOptions; createReplay(owner: ReplayOwner): Replay },
): Promise<Loaded> {
  const instance = await engine.load(module, options.load);
  const replay = options.createReplay({
    log: options.load.log,
    reply: (record) => instance.reply(record),
    write: (address, bytes) => instance.write(address, bytes),
  });
  try {
    await replay.start(instance.initial);
  } catch (error) {
    replay.destroy();
    await instance.close();
    throw error;
  }
  return { instance, replay };
}
