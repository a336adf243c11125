import { readFileSync, statSync } from 'node:fs';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { readNodeSettings } from './paths.ts';

/** The file with the settings of a node, unless NEARLIGHT_SETTINGS names another one. */
export const SETTINGS_PATH = '/etc/nearlight/node.env';
const FILE_BYTES_MAX = 64 * 1024;

/** The settings of a node that are settings of its pods, too, by their names there. */
export const POD_DEFAULTS = {
  NODE_UDP_PORTS: 'NEARLIGHT_UDP_PORTS',
  NODE_ADDRESS: 'NEARLIGHT_ADDRESS',
  NATS_URL: 'NEARLIGHT_NATS_URL',
  EDGE_SOCKET: 'NEARLIGHT_EDGE_SOCKET',
  CHECKPOINT_SECONDS: 'NEARLIGHT_CHECKPOINT_SECONDS',
  RESUME_SECONDS_MAX: 'NEARLIGHT_RESUME_SECONDS_MAX',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'NEARLIGHT_OTLP_ENDPOINT',
  ASSET_BYTES_MAX: 'NEARLIGHT_ASSET_BYTES_MAX',
  ASSET_FILES_MAX: 'NEARLIGHT_ASSET_FILES_MAX',
  ASSET_DEPTH_MAX: 'NEARLIGHT_ASSET_DEPTH_MAX',
} as const;

/** Names that the file may set. */
const NAMES: readonly string[] = [
  'NEARLIGHT_POOL_SIZE',
  'NEARLIGHT_POOL_SIZE_MAX',
  'NEARLIGHT_CACHE_DIR',
  'NEARLIGHT_COMPILERS',
  'NEARLIGHT_RESPONSE_MS_MAX',
  'NEARLIGHT_UID_FIRST',
  'LOG_LEVEL',
  'LOG_FORMAT',
  ...Object.values(POD_DEFAULTS),
];
/** Variables that containerd's shim uses, which reads no such file. */
const OF_SHIM = ['NEARLIGHT_RUN_DIR', 'NEARLIGHT_HOME', 'NEARLIGHT_NODE', 'NEARLIGHT_SETTINGS'];

/** Variable in which a host process gets the text of the file. */
const TEXT_VARIABLE = 'NEARLIGHT_SETTINGS_TEXT';

type Environment = Readonly<Record<string, string | undefined>>;

/** The path of the settings file of a node. */
export function settingsPath(env: Environment): string {
  return env.NEARLIGHT_SETTINGS || SETTINGS_PATH;
}

/**
 * Reads the text of a settings file; empty if there is none.
 * @throws NearlightError NL_SETTING if it cannot be read or is too long
 */
export function readSettingsFile(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, and ${FILE_BYTES_MAX} are allowed`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw new NearlightError('NL_SETTING', `the settings file ${path} cannot be used: ${message}`, { cause });
  }
}

/**
 * Returns the environment of a node's processes: `env`, in which the settings of the file take the place of others. A line of the
 * file is `NAME=VALUE`, empty, or a comment that begins with `#`.
 * @throws NearlightError NL_SETTING with the line or the setting that is wrong
 */
export function withSettings(env: Environment, path: string, text: string): NodeJS.ProcessEnv {
  const found: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#.*)?$/.test(line)) continue;
    const [, name = '', value = ''] = /^\s*([A-Z_]+)=(.*?)\s*$/.exec(line) ?? [];
    const problem = problemWith(name);
    if (problem) throw new NearlightError('NL_SETTING', `line ${index + 1} of ${path}: ${problem}`);
    found[name] = value;
  }
  const merged = { ...env, ...found };
  readNodeSettings(merged);
  readPodDefaults(merged);
  createLog(merged.LOG_LEVEL || 'info', merged.LOG_FORMAT || 'text');
  return merged;
}

function problemWith(name: string): string | undefined {
  if (name === '') return 'it is not NAME=VALUE';
  if (NAMES.includes(name)) return undefined;
  if (OF_SHIM.includes(name)) return `${name} can be set only in the environment of containerd`;
  return `${name} is unknown; a node has the settings ${NAMES.join(', ')}`;
}

/**
 * Reads the settings that a node has for all its pods.
 * @throws NearlightError NL_SETTING with the name of the setting and its bounds
 */
export function readPodDefaults(env: Environment): ReturnType<typeof readConfig> {
  const entries = Object.entries(POD_DEFAULTS).map(([name, variable]) => [name, env[variable]]);
  return readConfig(Object.fromEntries(entries));
}

/**
 * Adds the settings of the node's file to the environment of a host process. The keeper hands over those of the file that it uses itself.
 * @throws NearlightError NL_SETTING
 */
export function nodeEnvironment(env: Environment): NodeJS.ProcessEnv {
  const path = settingsPath(env);
  return withSettings(env, path, env[TEXT_VARIABLE] ?? readSettingsFile(path));
}

/** The environment of a host process for which nodeEnvironment() returns the settings of this text. */
export function handOver(env: Environment, text: string): NodeJS.ProcessEnv {
  return { ...env, [TEXT_VARIABLE]: text };
}
