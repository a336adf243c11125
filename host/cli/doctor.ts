import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { readArguments } from '../base/arguments.ts';
import { type Config, readConfig } from '../base/config.ts';
import { findEglDriver } from '../base/egl-driver.ts';
import { NearlightError } from '../base/errors.ts';
import { LAYER_DESCRIPTIONS, LAYERS, layersIn, readLayers } from '../base/layers.ts';
import { probeLayers, probeWasmEdge } from '../engine/wasmedge/engine.ts';
import { openGpu } from '../gpu/dawn.ts';
import { createVideoEncoder } from '../video/h264.ts';

/** The state of one thing that the host needs. `advice` says what to do, if anything. */
export interface Finding {
  name: string;
  state: 'ok' | 'warning' | 'wrong';
  text: string;
  advice?: string;
}

const HELP = `Checks everything that the host needs, and says how to get what is missing.

Usage: npm start -- doctor

The exit status is 1 if something is wrong, and 0 if all is well or only slower than it could be.
`;

const NODE_MAJOR_MIN = 24;
const SET_UP = 'run: sh host/cli/setup.sh';

/**
 * Checks everything that the host needs and prints a table.
 * @returns the exit status: 1 if something is wrong, 0 if all is well or only slower than it could be
 */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  if (readArguments(args, { help: { type: 'boolean', short: 'h' } }, 'doctor --help').values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const config = readConfig(environment);
  const findings = [
    findNode(process.versions.node),
    await findWasmEdge(),
    ...(await findLayers(config)),
    ...(await findGpuAndEncoder(config)),
    findBrowser(),
    await findPort(config),
  ];
  process.stdout.write(formatFindings(findings));
  return findings.some(({ state }) => state === 'wrong') ? 1 : 0;
}

/** Formats what was found about the machine: one line for each thing that the host needs, with advice on the next. */
export function formatFindings(findings: readonly Finding[]): string {
  const lines = findings.map(({ name, state, text, advice }) => {
    const line = `${state.padEnd(7)}  ${name.padEnd(8)}  ${text.replaceAll('\n', `\n${' '.repeat(19)}`)}\n`;
    return advice ? `${line}${' '.repeat(19)}-> ${advice}\n` : line;
  });
  return lines.join('');
}

/** Checks that Node is new enough. @param version as in process.versions.node */
export function findNode(version: string): Finding {
  const name = 'Node';
  if (Number.parseInt(version, 10) >= NODE_MAJOR_MIN) return { name, state: 'ok', text: version };
  const advice = `start with npm start, which brings Node ${NODE_MAJOR_MIN}, or ${SET_UP}`;
  return {
    name,
    state: 'wrong',
    text: `${version} is older than ${NODE_MAJOR_MIN}`,
    advice,
  };
}

async function findWasmEdge(): Promise<Finding> {
  const name = 'WasmEdge';
  const found = await probeWasmEdge();
  if ('version' in found)
    return {
      name,
      state: 'ok',
      text: `${found.version}, addon and guest program built`,
    };
  return {
    name,
    state: 'wrong',
    text: found.problem,
    advice: `${SET_UP}, or point WASMEDGE_DIR at an installation`,
  };
}

/** Finds which layers confine modules here. A layer that is missing is wrong only if the settings require it. */
async function findLayers({ requiredLayers }: Pick<Config, 'requiredLayers'>): Promise<Finding[]> {
  try {
    return describeLayers(await probeLayers(), requiredLayers);
  } catch (error) {
    return [wrong('jail', error, SET_UP)];
  }
}

/**
 * Describes each layer that confines modules. @param held bit mask of the layers that hold @param requiredLayers the setting
 * REQUIRED_LAYERS
 */
export function describeLayers(held: number, requiredLayers: string): Finding[] {
  return LAYERS.map((layer) => {
    const { text, advice } = LAYER_DESCRIPTIONS[layer];
    if (layersIn(held).includes(layer)) return { name: 'jail', state: 'ok', text: `${layer}: ${text}` };
    const isRequired = readLayers(requiredLayers)?.includes(layer);
    const consequence = isRequired ? 'no module runs' : 'modules run without it, except in pods';
    return { name: 'jail', state: isRequired ? 'wrong' : 'warning', text: `no ${layer}: ${consequence}`, advice };
  });
}

async function findGpuAndEncoder({ gpuEnabled }: Config): Promise<Finding[]> {
  const name = 'GPU';
  try {
    const gpu = await openGpu({ hardwareRequired: gpuEnabled, log: () => {} });
    const { device, description } = gpu.adapter;
    const egl = !gpu.software && findEglDriver() !== undefined && 'through libEGL_nvidia.so.0';
    const text = [device, description, egl].filter(Boolean).join(', ');
    await gpu.close();
    const advice = "for more frames, install the GPU's Vulkan driver and give access to /dev/dri or /dev/nvidia*";
    const found: Finding = gpu.software
      ? { name, state: 'warning', text: `${text}: renders in software`, advice }
      : { name, state: 'ok', text };
    return [found, await findEncoder(!gpu.software)];
  } catch (error) {
    return [wrong(name, error, SET_UP), await findEncoder(false)];
  }
}

async function findEncoder(hardware: boolean): Promise<Finding> {
  const name = 'encoder';
  let text = hardware ? 'H.264 on the GPU (NVENC)' : 'H.264 on the CPU (x264)';
  const log = (_level: string, message: string) => {
    text = `H.264 on the CPU (x264): ${message}`;
  };
  try {
    const encoder = await createVideoEncoder({ width: 640, height: 360, fps: 60, bitrate: 1_000_000, hardware, log });
    await encoder.close();
    return { name, state: 'ok', text };
  } catch (error) {
    return wrong(name, error, SET_UP);
  }
}

function findBrowser(): Finding {
  const name = 'browser';
  const path = process.env.CHROMIUM ?? '/usr/bin/chromium';
  try {
    accessSync(path, constants.X_OK);
    return { name, state: 'ok', text: `${path}, for the tests` };
  } catch {
    const text = `${path} is missing; only the tests need it`;
    return { name, state: 'warning', text, advice: `${SET_UP} --test` };
  }
}

/** Checks that the host can listen on the port of the settings now. */
export async function findPort({ host, port }: Pick<Config, 'host' | 'port'>): Promise<Finding> {
  const name = 'port';
  const server = createServer();
  const code = await new Promise<string | undefined>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => resolve(undefined));
  });
  if (code !== undefined) {
    const text = code === 'EADDRINUSE' ? `${host}:${port} is in use` : `${host}:${port} cannot be used (${code})`;
    return {
      name,
      state: 'wrong',
      text,
      advice: 'stop the program that uses it, or set PORT and HOST (PORT=0 takes a free port)',
    };
  }
  await new Promise((resolve) => server.close(resolve));
  return {
    name,
    state: 'ok',
    text: port === 0 ? `${host}, a free one` : `${host}:${port} is free`,
  };
}

function wrong(name: string, error: unknown, advice: string): Finding {
  return {
    name,
    state: 'wrong',
    text: error instanceof NearlightError ? error.detail : String(error),
    advice,
  };
}
