/** The worker that the game runs in: an endless loop there leaves the page alive, which can end the worker. */
import { NearlightError } from '../../base/errors.ts';
import type { Saved } from '../../play/tab.ts';
import { Game, type GameOptions, TrapError } from '../../play/tab.ts';
import { PlayerInput } from '../../room/input.ts';
import * as protocol from '../../stream/protocol.ts';
import type { Built } from './build.ts';
import { explainLoss, openDevice } from './device.ts';
import type { FromGame, Stop, ToGame } from './messages.ts';
import { ShaderNotes } from './shader.ts';
import { localSink } from './sink.ts';

const METERS_MS = 500;
const SAVE_MS = 2000;
const TITLES: Record<string, string> = {
  NL_COMMAND: 'A command is refused',
  NL_GPU_VALIDATION: 'WebGPU refuses what the game does',
  NL_GPU_LOST: 'The GPU is lost',
  NL_GPU_TIME: 'The GPU does not come to an end',
};

const input = new PlayerInput();
const sink = localSink(input, protocol);
/** Set by `open`; the picture has this size from its next frame on. */
const size = { width: 1, height: 1 };
let surroundings: Pick<GameOptions, 'device' | 'config' | 'seed'> | undefined;
let notes: ShaderNotes;
let assets: { key: string; bytes: Uint8Array } | undefined;

let game: Game | undefined;
let build = 0;
/** Frames of this build, and of all builds of this worker, that the GPU has finished. */
let frames = 0;
let framesShown = 0;
/** The build that has failed: what follows from its first error is not told. */
let failed = 0;
let turn: Promise<void> = Promise.resolve();

addEventListener('message', ({ data }) => receive(data as ToGame));

function receive(message: ToGame): void {
  if (message.kind === 'ping') tell({ kind: 'pong' });
  else if (message.kind === 'event') sink.event(message.message, message.sequence);
  else if (message.kind === 'state') sink.state(message.message, message.sequence);
  else if (message.kind === 'size') Object.assign(size, { width: message.width, height: message.height });
  else if (message.kind === 'open') turn = open(message);
  else turn = turn.then(() => replace(message.notice, message.saved)).catch(stopped);
}

function tell(message: FromGame): void {
  postMessage(message);
}

async function open(options: Extract<ToGame, { kind: 'open' }>): Promise<void> {
  const { canvas, config, seed, width, height } = options;
  const opened = await openDevice();
  if (!opened) return tell({ kind: 'no-gpu' });
  const { device, name } = opened;
  Object.assign(size, { width, height });
  surroundings = { device, config, seed };
  notes = new ShaderNotes(device);
  void device.lost.then((info) => {
    tell({ kind: 'lost' });
    stopped(new NearlightError('NL_GPU_LOST', explainLoss(info, framesShown)));
  });
  const context = canvas.getContext('webgpu')!;
  const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC;
  context.configure({ device, format: 'rgba8unorm', usage, alphaMode: 'opaque' });
  tell({ kind: 'ready', gpu: name });
  void draw(canvas, context, device);
}

/** Puts a new build in the place of the game that runs, with its state where the new one takes it. */
async function replace(notice: Built, before: Saved | undefined): Promise<void> {
  if (!surroundings) return;
  const { id, name } = notice;
  const fetched = await fetchBuild(notice).catch(() => undefined);
  if (!fetched) return tell({ kind: 'missed', id });
  const saved = (await save()) ?? before;
  const log = (level: string, message: string) =>
    console[level === 'error' || level === 'warn' ? level : 'log'](`${name}: ${message}`);
  const options = { ...surroundings, ...fetched, input, log, onError: stopped };
  const old = game;
  game = undefined;
  build = id;
  failed = 0;
  tell({ kind: 'begun', id });
  // First: of two that share a device, a late error could be either's.
  await old?.close();
  notes.begin();
  const kept = saved && (await reopen(options, saved));
  const next = kept ?? (await Game.open(options));
  frames = 0;
  game = next;
  tell({ kind: 'opened', id, state: kept ? 'kept' : saved ? 'refused' : 'none' });
}

/** @throws where the server is gone, or has a newer build by now */
async function fetchBuild({ run, id, pack }: Built): Promise<Pick<GameOptions, 'module' | 'assets'>> {
  const key = `${run} ${pack}`;
  if (assets?.key !== key) assets = { key, bytes: await fetchBytes(`assets/${pack}`) };
  return { module: await fetchBytes(`module/${id}`), assets: assets.bytes };
}

async function fetchBytes(path: string): Promise<Uint8Array> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function reopen(options: GameOptions, saved: Saved): Promise<Game | undefined> {
  try {
    return await Game.open({ ...options, saved });
  } catch (error) {
    console.warn(error);
    return undefined;
  }
}

/** The page has it as well: it outlives this worker. */
async function save(): Promise<Saved | undefined> {
  const saved = await game?.save();
  if (saved) tell({ kind: 'saved', id: build, saved });
  return saved;
}

/** One frame a refresh of the display, for as long as the page is open. */
async function draw(canvas: OffscreenCanvas, context: GPUCanvasContext, device: GPUDevice): Promise<void> {
  let since = performance.now();
  let savedAt = since;
  let shown = 0;
  for (;;) {
    const now = await new Promise<number>(requestAnimationFrame);
    const current = game;
    if (!current) continue;
    if (canvas.width !== size.width) canvas.width = size.width;
    if (canvas.height !== size.height) canvas.height = size.height;
    try {
      await current.frame(now, () => {
        const texture = context.getCurrentTexture();
        return { texture, view: texture.createView() };
      });
    } catch (error) {
      if (game === current) stopped(error);
      continue;
    }
    shown++;
    if (frames++ === 0) {
      const id = build;
      const drawn = () => {
        framesShown++;
        tell({ kind: 'drawn', id });
      };
      void device.queue.onSubmittedWorkDone().then(drawn, () => {});
    }
    if (now - savedAt > SAVE_MS) {
      savedAt = now;
      await save();
    }
    if (now - since < METERS_MS) continue;
    const { encodeMs, replayMs } = current;
    tell({ kind: 'meters', fps: (1000 * shown) / (now - since), encodeMs, replayMs });
    [since, shown] = [now, 0];
  }
}

/** The game has failed: says why, and waits for the next build. */
function stopped(error: unknown): void {
  if (failed === build && build > 0) return;
  failed = build;
  const id = build;
  const broken = game;
  game = undefined;
  void broken?.close();
  if (error instanceof NearlightError && error.code === 'NL_GPU_TIME') tell({ kind: 'lost' });
  void explain(error).then((stop) => tell({ kind: 'stopped', id, stop }));
}

async function explain(error: unknown): Promise<Stop> {
  const message = error instanceof Error ? error.message : String(error);
  const code = /^(NL_\w+): /.exec(message)?.[1] ?? '';
  const frames = error instanceof TrapError ? error.frames : [];
  const shaders = code === 'NL_GPU_VALIDATION' ? await notes.problems() : [];
  const [first] = shaders;
  const headline = first ? `The shader “${first.file}” does not compile` : (TITLES[code] ?? 'The game stopped');
  return { headline, problems: first ? shaders : [{ message }], frames };
}
