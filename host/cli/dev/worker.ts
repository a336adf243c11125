/** The worker that runs the game. The page stays alive if the game never returns, and can then terminate the worker. */
import { type Clock, systemClock } from '../../base/clock.ts';
import { NearlightError, textOf } from '../../base/errors.ts';
import type { Notice } from '../../base/protocol.ts';
import { type Saved, TabGame, type TabGameOptions, TrapError } from '../../play/tab.ts';
import { PlayerInput } from '../../room/input.ts';
import type { PlayerSound } from '../../room/sound.ts';
import type { Built } from './build.ts';
import { CanvasView } from './canvas.ts';
import { explainLoss, openDevice } from './device.ts';
import type { FromGame, Stop, ToGame } from './messages.ts';
import { ShaderNotes } from './shader.ts';
import { localSink } from './sink.ts';

const METERS_MS = 500;
const SAVE_MS = 2000;
const TITLES: Record<string, string> = {
  NL_COMMAND: 'A command was refused',
  NL_GPU_VALIDATION: 'WebGPU refused a command of the game',
  NL_GPU_LOST: 'The GPU is lost',
  NL_GPU_TIME: 'The GPU does not finish its work',
};

/** Wakes the game at each refresh of the display. */
const displayClock: Clock = {
  now: systemClock.now,
  until: () => new Promise((resolve) => requestAnimationFrame(() => resolve())),
};

const input = new PlayerInput();
const sink = localSink(input);
const sound: PlayerSound = {
  stats: {},
  play(samples) {
    const copy = samples.slice();
    postMessage({ kind: 'sound', samples: copy } satisfies FromGame, { transfer: [copy.buffer] });
  },
  skip: () => {},
  close: async () => {},
};
const size = { width: 1, height: 1 };
/** Everything that all builds in this worker share; undefined until the GPU is open. */
let shared: Pick<TabGameOptions, 'device' | 'config' | 'seed' | 'view'> | undefined;
let shaderNotes: ShaderNotes | undefined;
let assets: { key: string; bytes: Uint8Array } | undefined;

let game: TabGame | undefined;
let build = 0;
/** Number of frames of the current build that were submitted to the canvas. */
let frames = 0;
/** Number of builds of the game whose first frame the GPU has finished. */
let buildsShown = 0;
/** Number of frames since `figuresAt`, when the worker last sent the page its frame rate. */
let recentFrames = 0;
let figuresAt = systemClock.now();
/** Id of the build that has failed; 0 for none. Only the first error of a build is reported. */
let failed = 0;
/** Resolves when the worker has handled all messages so far that start or replace a game. */
let queue: Promise<void> = Promise.resolve();

addEventListener('message', ({ data }) => receive(data as ToGame));

function receive(message: ToGame): void {
  if (message.kind === 'ping') send({ kind: 'pong' });
  else if (message.kind === 'event') sink.event(message.message, message.sequence);
  else if (message.kind === 'state') sink.state(message.message, message.sequence);
  else if (message.kind === 'size') Object.assign(size, { width: message.width, height: message.height });
  else if (message.kind === 'open') queue = open(message);
  else queue = queue.then(() => replace(message.notice, message.saved)).catch(stop);
}

function send(message: FromGame): void {
  postMessage(message);
}

async function open(options: Extract<ToGame, { kind: 'open' }>): Promise<void> {
  const { canvas, config, seed, width, height } = options;
  const opened = await openDevice();
  if (!opened) return send({ kind: 'no-gpu' });
  const { device, name } = opened;
  Object.assign(size, { width, height });
  const view = new CanvasView({ canvas, device, size, onFrame: () => noteFrame(device) });
  shared = { device, config, seed, view };
  shaderNotes = new ShaderNotes(device);
  void device.lost.then((info) => {
    send({ kind: 'lost' });
    stop(new NearlightError('NL_GPU_LOST', explainLoss(info, buildsShown)));
  });
  send({ kind: 'ready', gpu: name });
  setInterval(reportFigures, METERS_MS);
  setInterval(() => void save(), SAVE_MS);
}

/** Replaces the running game by a new build, which continues from the game's state if it accepts that. */
async function replace(notice: Built, before: Saved | undefined): Promise<void> {
  if (!shared) return;
  const { id, name } = notice;
  const fetched = await fetchBuild(notice).catch(() => undefined);
  if (!fetched) return send({ kind: 'missed', id });
  const saved = (await save()) ?? before;
  const log = (level: string, message: string) =>
    console[level === 'error' || level === 'warn' ? level : 'log'](`${name}: ${message}`);
  const notify = (notice: Notice) => send({ kind: 'notice', notice });
  const options = { ...shared, ...fetched, name, clock: displayClock, input, sound, notify, log };
  const old = game;
  game = undefined;
  build = id;
  failed = 0;
  send({ kind: 'begun', id });
  // The old game closes first. While two games share a device, a late error could belong to either.
  await old?.close();
  shaderNotes?.reset();
  frames = 0;
  const kept = saved && (await continueFrom(saved, options));
  const next = kept ?? (await TabGame.open(options));
  game = next;
  void next.ended.then((error) => {
    if (error && game === next) stop(error);
  });
  send({ kind: 'opened', id, state: kept ? 'kept' : saved ? 'refused' : 'none' });
}

/** @throws Error if the server is gone or no longer has this build */
async function fetchBuild({ run, id, pack }: Built): Promise<Pick<TabGameOptions, 'module' | 'assets'>> {
  const key = `${run} ${pack}`;
  if (assets?.key !== key) assets = { key, bytes: await fetchBytes(`assets/${pack}`) };
  return { module: await fetchBytes(`module/${id}`), assets: assets.bytes };
}

async function fetchBytes(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Opens a game with a saved state. @returns undefined if the game refuses the state */
async function continueFrom(saved: Saved, options: TabGameOptions): Promise<TabGame | undefined> {
  try {
    return await TabGame.open({ ...options, saved });
  } catch (error) {
    console.warn(error);
    return undefined;
  }
}

/** Saves the game's state and sends it to the page, because this worker may be terminated. */
async function save(): Promise<Saved | undefined> {
  const id = build;
  const saved = await game?.save();
  if (saved) send({ kind: 'saved', id, saved });
  return saved;
}

function noteFrame(device: GPUDevice): void {
  recentFrames++;
  if (frames++ > 0) return;
  const id = build;
  const onDrawn = () => {
    buildsShown++;
    send({ kind: 'drawn', id });
  };
  void device.queue.onSubmittedWorkDone().then(onDrawn, () => {});
}

function reportFigures(): void {
  const { encodeMs, replayMs } = game ?? {};
  const now = systemClock.now();
  const fps = (1000 * recentFrames) / (now - figuresAt);
  [recentFrames, figuresAt] = [0, now];
  if (encodeMs !== undefined && replayMs !== undefined && fps > 0) send({ kind: 'meters', fps, encodeMs, replayMs });
}

/** Reports why the game has failed. The worker then waits for the next build. */
function stop(error: unknown): void {
  if (failed === build && build > 0) return;
  failed = build;
  const id = build;
  const broken = game;
  game = undefined;
  void broken?.close();
  if (codeOf(error) === 'NL_GPU_TIME') send({ kind: 'lost' });
  void explain(error).then((reason) => send({ kind: 'stopped', id, stop: reason }));
}

async function explain(error: unknown): Promise<Stop> {
  const message = textOf(error);
  const code = codeOf(error);
  const frames = error instanceof TrapError ? error.frames : [];
  const shaders = code === 'NL_GPU_VALIDATION' ? ((await shaderNotes?.problems()) ?? []) : [];
  const [first] = shaders;
  const headline = first ? `The shader “${first.file}” does not compile` : (TITLES[code] ?? 'The game stopped');
  return { headline, problems: first ? shaders : [{ message }], frames };
}

/** Returns the code at the start of an error's message; empty if there is none. */
function codeOf(error: unknown): string {
  return (error instanceof Error && /^(NL_\w+): /.exec(error.message)?.[1]) || '';
}
