import { admissionSettings } from './admission-settings.ts';
import { chaosSettings } from './chaos-settings.ts';
import { drainSettings } from './drain-settings.ts';
import { edgeSettings } from './edge-settings.ts';
import { NearlightError } from './errors.ts';
import { fleetSettings } from './fleet-settings.ts';
import { BASIC_LAYERS } from './layers.ts';
import { moveSettings } from './move-settings.ts';
import { playerSettings } from './player-settings.ts';
import { riskSettings } from './risk-settings.ts';
import { scaleSettings } from './scale-settings.ts';
import { FORMS, type Setting } from './setting.ts';
import { traceSettings } from './trace-settings.ts';
import { trafficSettings } from './traffic-settings.ts';

export { readDuration, readList, readPeers, readPorts, readRegions } from './setting.ts';

/** Every setting of the host: its environment variable, default and bounds. Its name or description gives the unit. */
export const settings = {
  port: { env: 'PORT', default: 8080, min: 0, max: 65535, about: 'HTTP port; 0: any free port' },
  host: { env: 'HOST', default: '127.0.0.1', about: 'address to listen on' },
  operatorPort: {
    env: 'OPERATOR_PORT',
    default: 9464,
    min: 0,
    max: 65535,
    about:
      "operators' HTTP port: /status, /metrics, /healthz, /readyz; 0, or if `nearlight start` finds 9464 taken: any free port",
  },
  operatorHost: { env: 'OPERATOR_HOST', default: '127.0.0.1', about: 'address of OPERATOR_PORT' },
  gpuEnabled: { env: 'GPU_ENABLED', default: false, about: 'true: refuse to start without a hardware GPU' },
  maxPlayers: { env: 'MAX_PLAYERS', default: 10, min: 1, max: 64, about: 'largest number of players in one game' },
  tickRate: { env: 'TICK_RATE', default: 120, min: 1, max: 1000, about: 'simulation steps per second' },
  seed: { env: 'SEED', default: 0, min: 0, max: 2 ** 53 - 1, about: "seed of the game's random numbers; 0: random" },
  engine: { env: 'ENGINE', default: 'wasmedge', about: 'wasmedge, wasmedge-interpreter or javascript' },
  cacheDir: {
    env: 'CACHE_DIR',
    default: '',
    about: 'folder of compiled modules and of verdicts on shaders; empty: ~/.cache/nearlight',
  },
  cacheBytesMax: {
    env: 'CACHE_BYTES_MAX',
    default: 2 * 2 ** 30,
    min: 0,
    max: 2 ** 40,
    about: 'size limit of the folder of compiled modules; the least recently used ones are removed first',
  },
  requiredLayers: {
    env: 'REQUIRED_LAYERS',
    default: BASIC_LAYERS.join(','),
    form: 'layers',
    about:
      'layers of confinement without which no module runs and no shader is tried, separated by commas; none: unconfined',
  },
  logLevel: { env: 'LOG_LEVEL', default: 'info', about: 'error, warn, info or debug' },
  logFormat: { env: 'LOG_FORMAT', default: 'text', about: 'text for people, or json for programs such as Loki' },

  moduleBytesMax: {
    env: 'MODULE_BYTES_MAX',
    default: 16 * 2 ** 20,
    min: 8,
    max: 2 ** 28,
    about: 'size limit of a module file',
  },
  assetBytesMax: {
    env: 'ASSET_BYTES_MAX',
    default: 512 * 2 ** 20,
    min: 4096,
    max: 2 ** 32 - 4096,
    about: "size limit of the asset pack made from a container image's folder /assets",
  },
  assetFilesMax: {
    env: 'ASSET_FILES_MAX',
    default: 16_384,
    min: 1,
    max: 262_144,
    about: "limit on the files and folders in a container image's folder /assets",
  },
  assetDepthMax: {
    env: 'ASSET_DEPTH_MAX',
    default: 16,
    min: 0,
    max: 64,
    about: "limit on nested folders in a container image's folder /assets",
  },
  memoryBytesMax: {
    env: 'MEMORY_BYTES_MAX',
    default: 256 * 2 ** 20,
    min: 65536,
    max: 2 ** 32,
    about: "size limit of a module's linear memory",
  },
  tableElementsMax: {
    env: 'TABLE_ELEMENTS_MAX',
    default: 100_000,
    min: 0,
    max: 10_000_000,
    about: "limit on the elements in a module's tables",
  },
  initMsMax: {
    env: 'INIT_MS_MAX',
    default: 5000,
    min: 10,
    max: 60_000,
    about: 'time limit for loading a module, including its start function and its init',
  },
  callMsMax: {
    env: 'CALL_MS_MAX',
    default: 1000,
    min: 5,
    max: 60_000,
    about:
      'time limit for one call of a module, such as tick, render, join or leave; a call that waits for a processor has up to twenty times as long',
  },
  compileMsMax: {
    env: 'COMPILE_MS_MAX',
    default: 60_000,
    min: 100,
    max: 600_000,
    about: 'time limit for compiling one module',
  },
  compileBytesMax: {
    env: 'COMPILE_BYTES_MAX',
    default: 2 * 2 ** 30,
    min: 2 ** 26,
    max: 2 ** 36,
    about: 'memory limit of the process that compiles a module',
  },

  commandBytesMax: {
    env: 'COMMAND_BYTES_MAX',
    default: 8 * 2 ** 20,
    min: 4096,
    max: 2 ** 28,
    about: 'size limit of the command stream that one call of a module submits',
  },
  dataBytesMax: {
    env: 'DATA_BYTES_MAX',
    default: 64 * 2 ** 20,
    min: 4096,
    max: 2 ** 30,
    about: 'size limit of the bulk data that one call of a module submits',
  },
  stateBytesMax: {
    env: 'STATE_BYTES_MAX',
    default: 16 * 2 ** 20,
    min: 0,
    max: 2 ** 30,
    about: 'size limit of the state that a game saves; DATA_BYTES_MAX bounds it too',
  },
  gpuObjectsMax: {
    env: 'GPU_OBJECTS_MAX',
    default: 65_536,
    min: 16,
    max: 1_000_000,
    about: 'limit on the GPU objects of one kind, such as buffers, that one game has',
  },
  gpuObjectBytesMax: {
    env: 'GPU_OBJECT_BYTES_MAX',
    default: 256 * 2 ** 20,
    min: 2 ** 20,
    max: 2 ** 36,
    about: "limit on the host's memory that the GPU objects of one game take in addition to their contents",
  },
  gpuBufferBytesMax: {
    env: 'GPU_BUFFER_BYTES_MAX',
    default: 256 * 2 ** 20,
    min: 4,
    max: 2 ** 32 - 4,
    about: 'size limit of one GPU buffer',
  },
  gpuDrawsMax: {
    env: 'GPU_DRAWS_MAX',
    default: 200_000,
    min: 1,
    max: 100_000_000,
    about: 'limit on the draws and dispatches of one call of a module',
  },
  gpuVerticesMax: {
    env: 'GPU_VERTICES_MAX',
    default: 100_000_000,
    min: 3,
    max: 2 ** 40,
    about: 'limit on the vertices that one call of a module draws, over all instances',
  },
  gpuWorkgroupsMax: {
    env: 'GPU_WORKGROUPS_MAX',
    default: 10_000_000,
    min: 1,
    max: 2 ** 40,
    about: 'limit on the compute workgroups that one call of a module dispatches',
  },
  replayMsMax: {
    env: 'REPLAY_MS_MAX',
    default: 2000,
    min: 1,
    max: 600_000,
    about: "time limit for the host to execute one call's commands, without pipelines that compile in the background",
  },
  gpuMsMax: {
    env: 'GPU_MS_MAX',
    default: 2000,
    min: 1,
    max: 600_000,
    about: 'time limit for the GPU work of one call of a module; after four times as long the device counts as hung',
  },
  shaderBytesMax: {
    env: 'SHADER_BYTES_MAX',
    default: 128 * 2 ** 10,
    min: 64,
    max: 262_140,
    about: 'size limit of the WGSL of one shader module',
  },
  shaderTurnsMax: {
    env: 'SHADER_TURNS_MAX',
    default: 2 ** 18,
    min: 2 ** 10,
    max: 2 ** 28,
    about: 'turns of loops that one invocation of a shader may make; long turns count as several',
  },
  shaderMsMax: {
    env: 'SHADER_MS_MAX',
    default: 10_000,
    min: 1,
    max: 600_000,
    about: 'time budget of a game for compiling shaders and pipelines; it refills at a twentieth of elapsed time',
  },
  shaderMemoryBytesMax: {
    env: 'SHADER_MEMORY_BYTES_MAX',
    default: 512 * 2 ** 20,
    min: 64 * 2 ** 20,
    max: 2 ** 36,
    about: 'memory that compiling one shader or pipeline may take',
  },
  mapBytesMax: {
    env: 'MAP_BYTES_MAX',
    default: 4 * 2 ** 20,
    min: 4,
    max: 2 ** 28,
    about: 'limit on the bytes of mapped GPU buffers that are on their way back to a module',
  },
  gpuTimestamps: {
    env: 'GPU_TIMESTAMPS',
    default: false,
    about: 'true: games may measure their GPU work with timestamp queries, which are a clock; for development',
  },
  gpuBytesMax: { env: 'GPU_BYTES_MAX', default: 512 * 2 ** 20, min: 4096, max: 2 ** 36, about: 'GPU memory of a game' },

  natsUrl: {
    env: 'NATS_URL',
    default: '',
    form: 'natsServers',
    about:
      'URLs of the NATS servers over which rooms of a game on several hosts hear each other, such as nats://10.0.0.1:4222; separated by commas; empty: only rooms of one host do',
  },
  busMessagesPerSecondMax: {
    env: 'BUS_MESSAGES_PER_SECOND_MAX',
    default: 100,
    min: 1,
    max: 10_000,
    about: 'messages that one room may send to other rooms in a second; more are dropped and counted',
  },
  busQueueMax: {
    env: 'BUS_QUEUE_MAX',
    default: 256,
    min: 1,
    max: 65_536,
    about: 'messages from other rooms that wait for one room; if there are more, the oldest are dropped and counted',
  },

  ...playerSettings,
  ...riskSettings,
  ...edgeSettings,
  ...chaosSettings,
  ...moveSettings,
  ...drainSettings,
  ...trafficSettings,
  ...traceSettings,
  ...admissionSettings,
  ...fleetSettings,
  ...scaleSettings,
} as const satisfies Record<string, Setting<number | string | boolean>>;

type Widen<T> = T extends number ? number : T extends boolean ? boolean : string;
export type Config = { -readonly [K in keyof typeof settings]: Widen<(typeof settings)[K]['default']> };

/**
 * Reads every setting from an environment.
 * @throws NearlightError NL_SETTING naming the variable, its value and its bounds
 */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const config: Record<string, number | string | boolean> = {};
  for (const [name, setting] of Object.entries(settings) as [string, Setting<number | string | boolean>][]) {
    const text = env[setting.env];
    config[name] = text === undefined || text === '' ? setting.default : parse(setting, text);
  }
  return config as Config;
}

function parse(setting: Setting<number | string | boolean>, text: string): number | string | boolean {
  if (typeof setting.default === 'string') {
    const form = setting.form && FORMS[setting.form];
    if (form && !form.fits(text)) throw new NearlightError('NL_SETTING', `${setting.env}=${text} is not ${form.text}`);
    return text;
  }
  if (typeof setting.default === 'boolean') {
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw new NearlightError('NL_SETTING', `${setting.env}=${text} is neither true nor false`);
  }
  const value = Number(text);
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = setting;
  if (!Number.isInteger(value) || value < min || value > max)
    throw new NearlightError('NL_SETTING', `${setting.env}=${text} is not a whole number from ${min} to ${max}`);
  return value;
}
