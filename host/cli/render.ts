import { mkdir, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { readArguments } from '../base/arguments.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { Progress } from '../base/progress.ts';
import { micro } from '../base/time.ts';
import { type Offline, openOffline } from '../play/offline.ts';
import { openSource, type Source } from '../play/source.ts';
import { type FilmOptions, film } from '../session/film.ts';
import { createVideoEncoder } from '../video/h264.ts';
import { createMp4 } from '../video/mp4.ts';
import { Readback } from '../video/readback.ts';
import { createStill, encodePng } from '../video/snapshot.ts';
import { baseName, readSource, readSourceConfig } from './source.ts';

const HELP = `Makes pictures or a clip of a game, without a display and without a server.

Usage: npm start -- render [MODULE|NAME|SESSION.nlr] [options]

Plays a module (a .wasm file, or the name of a game of the project; without one, the arena) with a player who
gives no input, or a recorded session, as fast as this machine can.

Options:
  -o, --out FILE    OUT.mp4, OUT.png, or frame-%04d.png for numbered pictures (default: NAME.png)
  --size WxH        of a picture in pixels (default: 1280x720)
  --fps N           pictures a second of the game's time (default: 60)
  --seconds N       length of a clip (default: 5, or the rest of the session)
  --frames N        length of a clip in pictures
  --at SECONDS      the game's time of the first picture (default: 0, or 1 for a single picture)
  --seat N          the seat whose view of a session is shown (default: the first seat taken)
  --seed N          seed of the game (default: 1; a session has its own)
  --module FILE     the module of a session
  --assets DIR      folder of assets (default: NAME.assets beside the module)
  --model FILE      show a glTF 2.0 model (.glb or .gltf), or the one of a session
  --engine NAME     same as ENGINE
  --help            this text
`;

const SECONDS = 5;
const PIXELS_MIN = 16;
const PIXELS_MAX = 4096;
const FPS_MAX = 1000;
const SECONDS_MAX = 86_400;
const STILL_AT = 1;
/** Bit rate of a video clip, in bits per pixel. It is higher than a stream's, because a clip is kept. */
const BITS_PER_PIXEL = 0.2;
/** A shell reports a program that a signal ended as this number plus the number of the signal. */
const SIGNAL_STATUS = 128;

/** Options of renderSource. */
export interface RenderOptions {
  config: Config;
  /** Path of the output, which ends in `.mp4` or `.png`; `%04d` in it stands for the number of the picture. */
  out: string;
  width: number;
  height: number;
  fps: number;
  /** Number of pictures; Infinity for the whole session. */
  frames: number;
  /** Time in the game, in seconds, that the first picture shows. */
  at: number;
  seat?: number;
  signal?: AbortSignal;
  onProgress?(frame: number): void;
}

/** Runs the command `render` and returns the exit status. @throws NearlightError NL_USAGE and as renderSource */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const asked = readSource(positionals, values);
  const { what } = asked;
  const config = readSourceConfig(values, environment);
  const announce = (line: string) => void process.stderr.write(`${line}\n`);
  const shape = plan(values, what);
  const source = await openSource({ ...asked, config, announce });
  const { seat } = shape;
  if (seat !== undefined && !source.taken.includes(seat)) {
    const where = source.recorded ? 'in this session' : 'without a session';
    throw usage(`--seat ${seat}: no player has that seat ${where}; taken: ${source.taken.join(', ') || 'none'}`);
  }
  const stop = new AbortController();
  let stoppedBy: 'SIGINT' | 'SIGTERM' | undefined;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    stoppedBy = signal;
    stop.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const begun = performance.now();
  const progress = new Progress(shape.frames);
  try {
    const onProgress = (frame: number) => progress.show(frame);
    const made = await renderSource(source, { ...shape, config, signal: stop.signal, onProgress });
    progress.end();
    report({ made, ...shape, ms: performance.now() - begun, stopped: stoppedBy !== undefined });
    return stoppedBy === undefined ? 0 : SIGNAL_STATUS + constants.signals[stoppedBy];
  } finally {
    progress.end();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/**
 * Makes pictures or a clip of a game. Returns the number of pictures.
 * @throws NearlightError as openOffline, NL_ENCODER, NL_USAGE if a file cannot be written, or the error that ends the game
 */
export async function renderSource(source: Source, options: RenderOptions): Promise<number> {
  const game = await openOffline(source, options.config);
  try {
    return await (options.out.endsWith('.mp4') ? filmClip(game, source, options) : filmStills(game, source, options));
  } finally {
    await game.close();
  }
}

async function filmStills(game: Offline, source: Source, options: RenderOptions): Promise<number> {
  const { device } = game.gpu;
  const texture = createStill(device, options);
  try {
    return await shoot({ game, source, options, texture }, async (frame) => {
      const path = options.out.replace(/%0?(\d*)d/, (_, width) => String(frame).padStart(Number(width), '0'));
      await write(path, await encodePng(device, texture));
    });
  } finally {
    texture.destroy();
  }
}

async function filmClip(game: Offline, source: Source, options: RenderOptions): Promise<number> {
  const { width, height, fps, out: path } = options;
  const { device, software } = game.gpu;
  const readback = new Readback({ device, width, height });
  const bitrate = Math.round(width * height * fps * BITS_PER_PIXEL);
  const encoder = await createVideoEncoder({ width, height, fps, bitrate, hardware: !software, log: () => {} });
  await mkdir(dirname(path), { recursive: true });
  const hasSound = game.instance.hasSound;
  const file = await createMp4({ path, width, height, fps, hasSound });
  try {
    const onSound = hasSound ? (samples: Float32Array) => file.writeSound(samples) : undefined;
    return await shoot({ game, source, options, texture: readback.texture, onSound }, async (frame) => {
      const picture = await readback.read();
      if (!picture) throw new NearlightError('NL_GPU_LOST', `picture ${frame} could not be read back`);
      const unit = await encoder.encode(picture, {
        keyframe: frame % (2 * fps) === 0,
        timestampUs: micro((frame * 1e6) / fps),
      });
      picture.release();
      if (unit) await file.write(unit);
    });
  } finally {
    await encoder.close();
    readback.destroy();
    await file.close();
  }
}

interface Shot {
  game: Offline;
  source: Source;
  options: RenderOptions;
  texture: GPUTexture;
  onSound?: FilmOptions['onSound'] | undefined;
}

function shoot(
  { game, source, options, texture, onSound }: Shot,
  onFrame: (frame: number) => Promise<void>,
): Promise<number> {
  const surface = { texture, view: texture.createView() };
  const { instance, pending } = game;
  return film({
    ...options,
    instance,
    pending,
    calls: source.calls,
    tickRate: source.tickRate,
    ...(onSound ? { onSound } : {}),
    run: (submission, cause) => game.run(submission, cause.kind === 'render' ? surface : undefined),
    async onFrame(frame) {
      await onFrame(frame);
      options.onProgress?.(frame + 1);
    },
  });
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new NearlightError('NL_USAGE', `${path} cannot be written: ${code}`, { cause });
  }
}

interface Made {
  made: number;
  ms: number;
  out: string;
  width: number;
  height: number;
  frames: number;
  stopped: boolean;
}

function report({ made, ms, out, width, height, frames, stopped }: Made): void {
  const seconds = ms / 1000;
  const pace = `${seconds.toFixed(1)} s, ${(made / seconds).toFixed(1)} a second`;
  if (made > 0)
    process.stdout.write(`${out}: ${made === 1 ? '1 picture' : `${made} pictures`} of ${width}x${height} in ${pace}\n`);
  if (stopped)
    process.stderr.write(`stopped after ${made}${Number.isFinite(frames) ? ` of ${frames}` : ''} pictures\n`);
  else if (made === 0)
    throw new NearlightError(
      'NL_RECORDING',
      'no player has that seat long enough for a picture; try another --at or --seat',
    );
}

type Values = ReturnType<typeof parse>['values'];
type Plan = Omit<RenderOptions, 'config' | 'signal' | 'onProgress'>;

function plan(values: Values, what: string): Plan {
  const out = values.out ?? `${baseName(values.model ?? what)}.png`;
  if (!/\.(mp4|png)$/.test(out)) throw usage(`-o ${out}: give a file that ends in .mp4 or .png`);
  const [, w = '', h = ''] = /^(\d+)x(\d+)$/.exec(values.size) ?? [];
  const [width, height] = [Number(w), Number(h)];
  const fits = [width, height].every((pixels) => pixels >= PIXELS_MIN && pixels <= PIXELS_MAX);
  if (!fits) throw usage(`--size ${values.size}: give WIDTHxHEIGHT, each from ${PIXELS_MIN} to ${PIXELS_MAX}`);
  if (out.endsWith('.mp4') && (width % 2 === 1 || height % 2 === 1))
    throw usage(`--size ${values.size}: a clip's width and height must be even`);
  const fps = number(values, 'fps', { least: 1, most: FPS_MAX, whole: true });
  const seat = values.seat === undefined ? {} : { seat: number(values, 'seat', { least: 0, most: 63, whole: true }) };
  const still = out.endsWith('.png') && !/%0?\d*d/.test(out);
  const at = values.at === undefined ? (still ? STILL_AT : 0) : number(values, 'at', { least: 0, most: SECONDS_MAX });
  return {
    out,
    width,
    height,
    fps,
    at,
    ...seat,
    frames: length(values, { still, fps, session: what.endsWith('.nlr') }),
  };
}

function length(values: Values, { still, fps, session }: { still: boolean; fps: number; session: boolean }): number {
  if (values.frames !== undefined && values.seconds !== undefined)
    throw usage('--frames and --seconds both set the length; give only one');
  if (still && (values.frames ?? values.seconds) !== undefined && values.frames !== '1')
    throw usage('one file holds one picture; give -o frame-%04d.png or a .mp4');
  if (still) return 1;
  if (values.frames !== undefined)
    return number(values, 'frames', { least: 1, most: SECONDS_MAX * FPS_MAX, whole: true });
  if (values.seconds !== undefined)
    return Math.ceil(fps * number(values, 'seconds', { least: 1 / FPS_MAX, most: SECONDS_MAX }));
  return session ? Number.POSITIVE_INFINITY : SECONDS * fps;
}

function number(
  values: Values,
  name: 'fps' | 'seat' | 'at' | 'frames' | 'seconds',
  { least, most, whole = false }: { least: number; most: number; whole?: boolean },
): number {
  const value = values[name] === '' ? Number.NaN : Number(values[name]);
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw usage(`--${name} ${values[name]}: give a ${whole ? 'whole ' : ''}number from ${least} to ${most}`);
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  return readArguments(
    args,
    {
      out: { type: 'string', short: 'o' },
      size: { type: 'string', default: '1280x720' },
      fps: { type: 'string', default: '60' },
      seconds: text,
      frames: text,
      at: text,
      seat: text,
      seed: text,
      module: text,
      assets: text,
      model: text,
      engine: text,
      help: { type: 'boolean', short: 'h' },
    },
    'render --help',
  );
}

function usage(detail: string): NearlightError {
  return new NearlightError('NL_USAGE', detail);
}
