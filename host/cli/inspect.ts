import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readArguments } from '../base/arguments.ts';
import { must } from '../base/assert.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { Progress } from '../base/progress.ts';
import { openGpu } from '../gpu/dawn.ts';
import { type Offline, openOffline, openStreams } from '../play/offline.ts';
import { openSource, type Source, type SourceOptions } from '../play/source.ts';
import {
  type CapturedCall,
  COMMAND_CAPTURE_BYTES_MAX,
  type CommandCapture,
  readCommandCapture,
  writeCommandCapture,
} from '../session/command-capture.ts';
import { type Described, Describer } from '../session/describe.ts';
import { readFileAs } from '../session/file.ts';
import { countFrames, film } from '../session/film.ts';
import type { Cause } from '../session/replay.ts';
import { COMMANDS_TITLE, formatCommands, formatTally, tally } from '../session/text.ts';
import { createStill } from '../video/snapshot.ts';
import { readSource, readSourceConfig } from './source.ts';

const HELP = `Describes the commands that a game sends to the GPU.

Usage: npm start -- inspect [MODULE|NAME|SESSION.nlr|FILE.nlc] [options]

Plays a module (a .wasm file, or the name of a game of the project; without one, the arena) or a recorded
session up to a picture, and prints the commands of that picture with their fields, sizes and times.
The columns are the index of the command in its call, its size in bytes, and the size of its data in bytes.

Options:
  --frame N         the picture, from 0 (default: 10)
  --all             print also what init and every other call before the picture sent
  --size WxH        of the picture in pixels (default: 1280x720)
  --fps N           pictures a second of the game's time (default: 60)
  --seed N          seed of the game (default: 1; a session has its own)
  --capture FILE    write the command streams up to the picture to FILE.nlc, to inspect it on another machine
  --json            print JSON
  --module FILE     the module of a session
  --assets DIR      folder of assets (default: NAME.assets beside the module)
  --model FILE      show a glTF 2.0 model (.glb or .gltf), or the one of a session
  --engine NAME     same as ENGINE
  --help            this text
`;

const FRAME_MAX = 1_000_000;
const PIXELS_MAX = 4096;
const FPS_MAX = 1000;
/** Number of times that the last picture is drawn to measure its times. The GPU's timer does not measure every picture. */
const REPEATS = 32;

/** Times of one picture in milliseconds, over several repeats if it could be drawn again; undefined if not measurable. */
interface Times {
  /** Median time of the module's `render`, including the calls between the host and the guest process. */
  guestMs?: number;
  /** Median time in which this thread checks and executes the picture's commands. */
  replayMs: number;
  /** Mean time of all passes of the picture, by the GPU's own clock. */
  gpuMs?: number;
}

interface Inspection {
  streams: CommandCapture;
  times: Times;
  adapter: string;
}

/**
 * Runs the command `inspect` and returns the exit status.
 * @throws NearlightError NL_USAGE, NL_RECORDING, or the error that ends the game
 */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const asked = readSource(positionals, values);
  const { what } = asked;
  const config = readSourceConfig(values, environment);
  const found = what.endsWith('.nlc') ? await inspectFile(what, config) : await inspectGame(asked, values, config);
  const { streams } = found;
  if (values.capture !== undefined) {
    // If the folder cannot be made, writing the file fails and gives the reason.
    await mkdir(dirname(values.capture), { recursive: true }).catch(() => {});
    await writeFile(values.capture, writeCommandCapture(streams)).catch((cause: NodeJS.ErrnoException) => {
      throw usage(`--capture ${values.capture} cannot be written: ${cause.code}`);
    });
  }
  const describer = new Describer();
  const parts = streams.calls.map((part) => ({ ...part, described: describer.describe(part) }));
  process.stdout.write(values.json ? json(found, parts) : text(what, found, parts, values.all ?? false));
  return 0;
}

/** Executes the commands of a capture file. It has no module, so its picture is drawn only once. */
async function inspectFile(path: string, config: Config): Promise<Inspection> {
  const streams = await readFileAs(path, readCommandCapture, COMMAND_CAPTURE_BYTES_MAX);
  const gpu = await openGpu({ hardwareRequired: config.gpuEnabled, log: () => {} });
  const texture = createStill(gpu.device, streams);
  const { replay, pending } = openStreams({ gpu, config, assets: streams.assets });
  try {
    let replayMs = 0;
    for (const part of streams.calls) {
      await pending.settled();
      pending.expect(part);
      const begun = performance.now();
      replay.run(part, part.kind === 'render' ? { texture, view: texture.createView() } : undefined);
      replayMs = performance.now() - begun;
    }
    await Promise.race([gpu.device.queue.onSubmittedWorkDone(), gpu.whenLost]);
    return { streams, times: { replayMs }, adapter: gpu.adapter.description };
  } finally {
    replay.destroy();
    texture.destroy();
    await gpu.close();
  }
}

async function inspectGame(
  asked: Omit<SourceOptions, 'config' | 'announce'>,
  values: Values,
  config: Config,
): Promise<Inspection> {
  const [, w = '', h = ''] = /^(\d+)x(\d+)$/.exec(values.size) ?? [];
  const [width, height] = [Number(w), Number(h)];
  if (!(width >= 1 && height >= 1 && width <= PIXELS_MAX && height <= PIXELS_MAX))
    throw usage(`--size ${values.size}: give WIDTHxHEIGHT, each from 1 to ${PIXELS_MAX}`);
  const frame = whole(values, 'frame', 0, FRAME_MAX);
  const fps = whole(values, 'fps', 1, FPS_MAX);
  const announce = (line: string) => void process.stderr.write(`${line}\n`);
  const source = await openSource({ ...asked, config, announce });
  if (source.recorded) {
    const frames = countFrames(source.recorded, { tickRate: source.tickRate, fps, at: 0 });
    if (frame >= frames)
      throw usage(`--frame ${frame}: ${asked.what} has ${frames} pictures at ${fps} a second, from 0`);
  }
  const game = await openOffline(source, config);
  try {
    return await observe(game, source, { frame, fps, width, height });
  } finally {
    await game.close();
  }
}

interface Shape {
  frame: number;
  fps: number;
  width: number;
  height: number;
}

async function observe(game: Offline, source: Source, { frame, fps, width, height }: Shape): Promise<Inspection> {
  const { instance, gpu, pending } = game;
  const texture = createStill(gpu.device, { width, height });
  const surface = { texture, view: texture.createView() };
  const parts: CapturedCall[] = [];
  const progress = new Progress(frame + 1);
  try {
    await film({
      instance,
      pending,
      calls: source.calls,
      tickRate: source.tickRate,
      fps,
      frames: frame + 1,
      at: 0,
      width,
      height,
      run(submission, cause) {
        parts.push(captured(submission, cause));
        game.run(submission, cause.kind === 'render' ? surface : undefined);
      },
      async onFrame(drawn) {
        await gpu.device.queue.onSubmittedWorkDone();
        progress.show(drawn + 1);
      },
    });
    progress.end();
    const last = parts.findLastIndex(({ kind }) => kind === 'render');
    const { argument: seat } = must(parts[last], 'render');
    const [guest, executed]: [number[], number[]] = [[], []];
    const before = game.gpuMs;
    for (let n = 0; n < REPEATS; n++) {
      const begun = performance.now();
      const submission = await instance.render(seat, width, height);
      const returned = performance.now();
      game.run(submission, surface);
      executed.push(performance.now() - returned);
      guest.push(returned - begun);
      await gpu.device.queue.onSubmittedWorkDone();
    }
    const spent = game.gpuMs - before;
    const times = {
      guestMs: median(guest),
      replayMs: median(executed),
      ...(spent > 0 ? { gpuMs: spent / REPEATS } : {}),
    };
    return {
      streams: { width, height, assets: source.assets, calls: parts.slice(0, last + 1) },
      times,
      adapter: gpu.adapter.description,
    };
  } finally {
    progress.end();
    texture.destroy();
  }
}

/** Copies the commands and data that a call submitted, because the instance's next call overwrites them. */
function captured({ commands, data }: { commands: Uint32Array; data: Uint8Array }, cause: Cause): CapturedCall {
  const kind = cause.kind as CapturedCall['kind'];
  const argument = 'seat' in cause ? cause.seat : 'tick' in cause ? cause.tick : 0;
  return { kind, argument, commands: commands.slice(), data: data.slice() };
}

type Part = CapturedCall & { described: Described[] };

function text(what: string, { streams, times, adapter }: Inspection, parts: Part[], all: boolean): string {
  const last = parts.length - 1;
  const lines = [`${what}: ${streams.width}x${streams.height} on ${adapter}`, ''];
  for (const [index, part] of parts.entries()) {
    const isLast = index === last;
    // Earlier pictures have commands like those of the last one, so the overview leaves them out.
    if (!isLast && !all && part.kind === 'render') continue;
    lines.push(`${title(part)}: ${formatTally(tally(part.described))}`);
    if (isLast || all) lines.push(COMMANDS_TITLE, ...formatCommands(part.described), '');
  }
  const { guestMs, replayMs, gpuMs } = times;
  const figures = [
    guestMs === undefined ? '' : `guest ${guestMs.toFixed(3)} ms, `,
    `check and replay ${replayMs.toFixed(3)} ms`,
    gpuMs === undefined ? '' : `, GPU ${gpuMs.toFixed(3)} ms`,
  ];
  return `${lines.join('\n')}\ntimes of the picture: ${figures.join('')}\n`;
}

function title({ kind, argument }: CapturedCall): string {
  if (kind === 'init' || kind === 'restore') return kind;
  return kind === 'tick' ? `tick ${argument}` : `${kind} of seat ${argument}`;
}

function json({ streams, times, adapter }: Inspection, parts: Part[]): string {
  const calls = parts.map(({ kind, argument, described }) => ({
    call: kind,
    argument,
    ...tally(described),
    described,
  }));
  const { width, height } = streams;
  const value = { width, height, adapter, times, calls };
  return `${JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? Number(part) : part), 2)}\n`;
}

function median(samples: number[]): number {
  return must(samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)], 'sample');
}

type Values = ReturnType<typeof parse>['values'];

function whole(values: Values, name: 'frame' | 'fps', least: number, most: number): number {
  const value = values[name] === '' ? Number.NaN : Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw usage(`--${name} ${values[name]}: give a whole number from ${least} to ${most}`);
}

function parse(args: string[]) {
  const string = { type: 'string' } as const;
  return readArguments(
    args,
    {
      frame: { type: 'string', default: '10' },
      all: { type: 'boolean' },
      size: { type: 'string', default: '1280x720' },
      fps: { type: 'string', default: '60' },
      seed: string,
      capture: string,
      json: { type: 'boolean' },
      module: string,
      assets: string,
      model: string,
      engine: string,
      help: { type: 'boolean', short: 'h' },
    },
    'inspect --help',
  );
}

function usage(detail: string): NearlightError {
  return new NearlightError('NL_USAGE', detail);
}
