import type { Config } from '../base/config.ts';
import type { NearlightError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import type { Instance, Submission } from '../engine/engine.ts';
import { buildNative } from '../engine/wasmedge/build.ts';
import { type Gpu, openGpu } from '../gpu/dawn.ts';
import type { CommandReplay, Surface } from '../gpu/replay.ts';
import { PendingReplies } from '../session/pending.ts';
import { createEngine } from './engine.ts';
import { createReplay, Launch } from './launch.ts';
import type { Source } from './source.ts';

/** A game that is played without players or a server, and the GPU that executes its commands. */
export interface Offline {
  readonly instance: Instance;
  readonly gpu: Gpu;
  readonly pending: PendingReplies;
  /** Milliseconds that the GPU has worked for the game; 0 where the GPU has no timestamps. */
  readonly gpuMs: number;
  /** Executes the commands that one call submitted, and draws its picture to `surface`. @throws as CommandReplay.run */
  run(submission: Submission, surface?: Surface): void;
  /** Ends the module and closes the GPU. */
  close(): Promise<void>;
}

/** Opens the GPU, and loads a game on the engine that the settings name. @throws NearlightError for the step that fails */
export async function openOffline(source: Source, config: Config): Promise<Offline> {
  const log = createLog(config.logLevel, config.logFormat);
  await buildNative((line) => log('info', line));
  const gpu = await openGpu({
    hardwareRequired: config.gpuEnabled,
    log: (level, line) => level !== 'warn' && log(level, line),
  });
  const { name, seed, tickRate, seats, gpu: facts } = source;
  let instance: Instance | undefined;
  try {
    const launcher = new Launch({
      playable: source,
      engine: createEngine(config),
      gpu,
      config,
      session: { seed, tickRate, seats, ...(facts ? { gpu: facts } : {}) },
      log: (level, message) => log(level, `${name}: ${message}`, { room: name }),
    });
    instance = await launcher.createInstance();
    return play({ source, launcher, instance, gpu });
  } catch (error) {
    await instance?.close();
    await gpu.close();
    throw error;
  }
}

function play(parts: { source: Source; launcher: Launch; instance: Instance; gpu: Gpu }): Offline {
  const { source, launcher, instance, gpu } = parts;
  const pending = new PendingReplies();
  // A recorded session contains the replies and writes that the module received, so a replay sends it no others.
  const live = source.recorded ? undefined : instance;
  const replay = launcher.createReplay({
    log: (level, message) => launcher.log(level, message),
    reply(record) {
      pending.received();
      live?.reply(record);
    },
    write: (address, bytes) => live?.write(address, bytes),
  });
  let gpuMs = 0;
  let failure: NearlightError | undefined;
  replay.observe({
    onGpu(ms, renders) {
      gpuMs += ms * renders;
    },
    onError(error) {
      failure ??= error;
    },
  });
  return {
    instance,
    gpu,
    pending,
    get gpuMs() {
      return gpuMs;
    },
    run(submission, surface) {
      if (failure) throw failure;
      replay.run(submission, surface);
    },
    async close() {
      await instance.close();
      replay.destroy();
      await gpu.close();
    },
  };
}

/**
 * Opens a replay of command streams without their module. `pending` counts the replies that the GPU still owes. Timestamps are
 * allowed, because there is no module that could read them.
 */
export function openStreams(options: { gpu: Gpu; config: Config; assets: Uint8Array }): {
  replay: CommandReplay;
  pending: PendingReplies;
} {
  const { gpu, config, assets } = options;
  const pending = new PendingReplies();
  const owner = { log: () => {}, reply: () => pending.received(), write: () => {} };
  return { replay: createReplay({ device: gpu.device, limits: config, assets, owner, timestamps: true }), pending };
}
