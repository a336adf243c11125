import type { Config } from '../config.ts';
import { PlayerInput as PageInput } from '../player/input.ts';
import { TouchInput } from '../player/touch.ts';
import { InputWriter } from '../player/writer.ts';
import { PlayerInput } from '../room/input.ts';
import * as protocol from '../stream/protocol.ts';
import type { Notice } from './build.ts';
import { NO_WEBGPU, openDevice } from './device.ts';
import { Game, type Saved, TrapError } from './game.ts';
import { element, hideProblems, showProblems } from './overlay.ts';
import { localSink } from './sink.ts';

const { dataset } = document.body;
const canvas = element<HTMLCanvasElement>('picture');
const stage = element('stage');
const input = new PlayerInput();
const seed = 1 + Math.floor(Math.random() * 2 ** 47);
const TITLES: Record<string, string> = { NL_COMMAND: 'A command is refused', NL_GPU_VALIDATION: 'WebGPU refuses' };

let game: Game | undefined;
let build = 0;
let frames = 0;
/** The build that has failed: what follows from its first error is not told. */
let failed = 0;
let swap: Promise<void> = Promise.resolve();

void start();

async function start(): Promise<void> {
  const opened = await openDevice();
  if (!opened) {
    dataset.state = 'stopped';
    showProblems('This browser has no WebGPU', [{ message: NO_WEBGPU }]);
    return;
  }
  const { device, name } = opened;
  const config = (await (await fetch('config')).json()) as Config;
  const assets = new Uint8Array(await (await fetch('assets')).arrayBuffer());
  element('gpu').textContent = name;
  device.addEventListener('uncapturederror', ({ error }) => stopped(error));
  void device.lost.then(({ message }) => stopped(new Error(`the GPU is lost: ${message}; load the page again`)));
  const context = canvas.getContext('webgpu')!;
  const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC;
  context.configure({ device, format: 'rgba8unorm', usage, alphaMode: 'opaque' });
  takeInput();
  const events = new EventSource('events');
  events.onmessage = ({ data }) => {
    const notice = JSON.parse(data as string) as Notice;
    swap = swap.then(() => replace(notice, { device, config, assets })).catch(stopped);
  };
  void draw(context, device);
}

interface Surroundings {
  device: GPUDevice;
  config: Config;
  assets: Uint8Array;
}

/** Puts a new build in the place of the game that runs, with its state where the new one takes it. */
async function replace(notice: Notice, { device, config, assets }: Surroundings): Promise<void> {
  element('game').textContent = notice.name;
  document.title = `${notice.name} · Nearlight dev`;
  if (notice.kind === 'broken') {
    dataset.state = 'broken';
    const count = notice.problems.length;
    showProblems(`${notice.name} does not compile`, notice.problems, count > 0 ? 'The last build goes on below.' : '');
    return;
  }
  const module = new Uint8Array(await (await fetch(`module/${notice.id}`)).arrayBuffer());
  const saved = await game?.save();
  const old = game;
  game = undefined;
  const log = (level: string, message: string) =>
    console[level === 'error' || level === 'warn' ? level : 'log'](`${notice.name}: ${message}`);
  const options = { module, device, config, seed, assets, input, log, onError: stopped };
  build = notice.id;
  const kept = saved && (await reopen(options, saved));
  const next = kept ?? (await Game.open(options));
  await old?.close();
  hideProblems();
  said(old === undefined ? '' : kept ? 'state kept' : saved ? 'state refused: began anew' : 'began anew', !kept);
  element('size').textContent = `${(notice.bytes / 1000).toFixed(1)} kB, compiled in ${notice.ms} ms`;
  frames = 0;
  dataset.state = 'running';
  game = next;
}

async function reopen(options: Parameters<typeof Game.open>[0], saved: Saved): Promise<Game | undefined> {
  try {
    return await Game.open({ ...options, saved });
  } catch (error) {
    console.warn(error);
    return undefined;
  }
}

function said(text: string, lost: boolean): void {
  element('kept').textContent = text;
  element('kept').classList.toggle('lost', lost);
}

/** One frame a refresh of the display, for as long as the page is open. */
async function draw(context: GPUCanvasContext, device: GPUDevice): Promise<void> {
  let since = performance.now();
  let shown = 0;
  for (;;) {
    const now = await new Promise<number>(requestAnimationFrame);
    const current = game;
    if (!current) continue;
    resize();
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
      void device.queue.onSubmittedWorkDone().then(() => {
        dataset.build = String(id);
      });
    }
    if (now - since < 500) continue;
    element('fps').textContent = ((1000 * shown) / (now - since)).toFixed(0);
    element('encode').textContent = current.encodeMs.toFixed(2);
    element('replay').textContent = current.replayMs.toFixed(2);
    [since, shown] = [now, 0];
  }
}

function resize(): void {
  const scale = Math.min(devicePixelRatio, 2);
  const width = Math.max(1, Math.round(stage.clientWidth * scale));
  const height = Math.max(1, Math.round(stage.clientHeight * scale));
  if (canvas.width === width && canvas.height === height) return;
  canvas.width = width;
  canvas.height = height;
  canvas.dispatchEvent(new Event('resize'));
}

/** The game has failed: says why, and where, and waits for the next save. */
function stopped(error: unknown): void {
  if (failed === build && build > 0) return;
  failed = build;
  const broken = game;
  game = undefined;
  void broken?.close();
  dataset.state = 'stopped';
  const message = error instanceof Error ? error.message : String((error as GPUError).message ?? error);
  const code = /^(NL_\w+): /.exec(message)?.[1] ?? '';
  const title = TITLES[code] ?? 'The game stopped';
  const show = (place: string) => showProblems(title, [{ message: message + place }], 'Save a change to begin anew.');
  show('');
  if (!(error instanceof TrapError) || error.frames.length === 0) return;
  const body = JSON.stringify({ id: build, frames: error.frames });
  void fetch('trace', { method: 'POST', body })
    .then((answer) => answer.text())
    .then((place) => dataset.state === 'stopped' && show(place));
}

/** Keyboard, mouse, gamepads and touch, as on the player's page; a canvas takes the place of its video there. */
function takeInput(): void {
  const writer = new InputWriter(localSink(input, protocol));
  writer.open();
  Object.defineProperties(canvas, {
    videoWidth: { get: () => canvas.width },
    videoHeight: { get: () => canvas.height },
  });
  new PageInput({ stage, video: canvas as unknown as HTMLVideoElement, writer });
  new TouchInput({ stage, stick: element('stick'), knob: element('knob'), fire: element('fire'), writer });
}
