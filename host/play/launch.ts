import { REPLY_DEVICE_LOST } from '../../renderer/contract/abi.ts';
import type { GameAction } from '../base/actions.ts';
import { readAssets } from '../base/assets.ts';
import type { Config } from '../base/config.ts';
import type { Engine, GpuFacts, Instance, LoadOptions, LogLevel } from '../engine/engine.ts';
import { capabilities, offersTimestamps } from '../gpu/capability.ts';
import { CommandReplay, type ReplayLimits } from '../gpu/replay.ts';
import type { ShaderVetting } from '../gpu/vetting.ts';
import type { Loaded } from '../room/options.ts';
import { readActions } from './actions.ts';

/** A game that is ready to be launched. */
export interface Playable {
  /** Name of the game, which also marks the lines that the game logs. */
  name: string;
  module: Uint8Array;
  /** The asset pack; empty for none. */
  assets: Uint8Array;
  /** See LoadOptions. */
  assetsFd?: number;
  /** Finds the place of a trap in the game's sources; see LoadOptions. */
  locate?: LoadOptions['locate'];
}

/** A GPU. Its `device` is replaced when the GPU was lost and opened again. */
export interface DeviceSource {
  readonly device: GPUDevice;
}

/** Receives what the execution of a module's commands sends back to it: log lines, replies, and bytes for its memory. */
export interface ReplayOwner {
  log(level: LogLevel, message: string): void;
  reply(record: ArrayLike<number>): void;
  write(address: number, bytes: Uint8Array): void;
}

/** Makes instances of a game's module, and the replays that execute their commands on the GPU. */
export interface Launcher {
  /** The actions that a player can take in the game. */
  readonly actions?: readonly GameAction[];
  log(level: LogLevel, message: string): void;
  /** Loads the module and runs its `init`. @throws NearlightError as Engine.load */
  createInstance(): Promise<Instance>;
  createReplay(owner: ReplayOwner): CommandReplay;
}

export interface LaunchOptions {
  playable: Playable;
  engine: Engine;
  gpu: DeviceSource;
  config: Config;
  /** Facts that the module can query: its seed, tick rate, number of seats, and GPU. */
  session: Pick<LoadOptions, 'seed' | 'tickRate' | 'seats'> & Partial<Pick<LoadOptions, 'gpu'>>;
  /** Tries shaders before this process compiles them. A process that plays a game for others must have it. */
  vetting?: ShaderVetting;
  /** User and group of the process that runs the module; see LoadOptions. */
  user?: LoadOptions['user'];
  /** True to find the place in the module that wrote a refused command. It costs time with every command. */
  pinpoint?: boolean;
  log(level: LogLevel, message: string): void;
}

/** Launches one game on one engine and one GPU. */
export class Launch implements Launcher {
  readonly log: LaunchOptions['log'];
  readonly actions: readonly GameAction[];
  readonly #options: LaunchOptions;
  readonly #load: LoadOptions & { gpu: GpuFacts };

  constructor(options: LaunchOptions) {
    const { playable, gpu, config, session, user, log } = options;
    const { assets, assetsFd, locate } = playable;
    this.log = log;
    this.actions = readActions(assets);
    this.#options = options;
    this.#load = {
      ...session,
      gpu: session.gpu ?? capabilities(gpu.device, config),
      limits: config,
      assets,
      user,
      log,
      ...(assetsFd === undefined ? {} : { assetsFd }),
      ...(locate ? { locate } : {}),
    };
  }

  createInstance(): Promise<Instance> {
    const { engine, playable } = this.#options;
    return engine.load(playable.module, this.#load);
  }

  createReplay(owner: ReplayOwner): CommandReplay {
    const { gpu, config, playable, vetting, pinpoint } = this.#options;
    return createReplay({
      device: gpu.device,
      limits: config,
      assets: playable.assets,
      owner,
      timestamps: offersTimestamps(this.#load.gpu),
      ...(vetting ? { vetting } : {}),
      ...(pinpoint ? { pinpoint } : {}),
    });
  }
}

/** Makes a replay that executes commands with the assets of a pack. @throws NearlightError NL_MODULE_INVALID for a bad pack */
export function createReplay(options: {
  device: GPUDevice;
  limits: ReplayLimits;
  assets: Uint8Array;
  owner: ReplayOwner;
  timestamps: boolean;
  vetting?: ShaderVetting;
  pinpoint?: boolean;
}): CommandReplay {
  const { assets, owner, ...rest } = options;
  const directory = readAssets(assets);
  const asset = (handle: number): Uint8Array | undefined => {
    const entry = directory[handle];
    return entry && assets.subarray(entry.offset, entry.offset + entry.bytes);
  };
  return new CommandReplay({ ...rest, asset, ...owner });
}

/** Makes the replay that executes the commands of a module `instance` and sends the replies back to it. */
export function createReplayFor(instance: Instance, launcher: Launcher): CommandReplay {
  return launcher.createReplay({
    log: (level, message) => launcher.log(level, message),
    reply: (record) => instance.reply(record),
    write: (address, bytes) => instance.write(address, bytes),
  });
}

/**
 * Loads a game's module, and executes the commands that its `init` submitted.
 * @throws NearlightError as Engine.load, and NL_COMMAND or NL_GPU_VALIDATION for what `init` submitted
 */
export async function launch(launcher: Launcher): Promise<Loaded> {
  return begin(await launcher.createInstance(), launcher);
}

/** Launches a game again after its GPU was lost; the loss is the first reply that the module reads. @throws as launch */
export async function relaunch(launcher: Launcher): Promise<Loaded> {
  const instance = await launcher.createInstance();
  instance.reply([REPLY_DEVICE_LOST]);
  return begin(instance, launcher);
}

/** Restores a saved state in a game that was just launched, and closes the game if that fails. @throws as the module's `restore` */
export async function restore(game: Loaded, state: Uint8Array): Promise<Loaded> {
  const { instance, replay } = game;
  try {
    const submission = await instance.restore(state);
    if (submission.commands.length > 0) await replay.start(submission);
    return game;
  } catch (error) {
    replay.destroy();
    await instance.close();
    throw error;
  }
}

/** Executes the commands of a module's `init`; closes the instance on failure. @throws NearlightError as CommandReplay.start */
async function begin(instance: Instance, launcher: Launcher): Promise<Loaded> {
  let replay: CommandReplay | undefined;
  try {
    replay = createReplayFor(instance, launcher);
    await replay.start(instance.initial);
    return { instance, replay };
  } catch (error) {
    replay?.destroy();
    await instance.close();
    throw error;
  }
}
