import { AUDIO_RATE } from '../../../renderer/contract/abi.ts';
import type { Config } from '../../base/config.ts';
import type { Notice } from '../../base/protocol.ts';
import type { Saved } from '../../play/tab.ts';
import { FIRE_BUTTON, JUMP_BUTTON } from '../../player/controls.ts';
import { PageInput } from '../../player/input.ts';
import { PageRequests } from '../../player/requests.ts';
import { TouchInput } from '../../player/touch.ts';
import { InputWriter } from '../../player/writer.ts';
import type { BuildNotice, Built } from './build.ts';
import { DevControls } from './controls.ts';
import { NO_WEBGPU } from './device.ts';
import type { FromGame, Size, Stop } from './messages.ts';
import { element, hideProblems, showProblems } from './overlay.ts';
import { Runner, STUCK_MS } from './runner.ts';
import { DevSpeaker } from './speaker.ts';

const { dataset } = document.body;
const picture = element('picture');
const stage = element('stage');
const size = { width: 1, height: 1 };
/** Sends the player's input to the worker. postMessage copies the messages, because the writer reuses their bytes. */
const writer = new InputWriter({
  event: (message, sequence) => runner?.send({ kind: 'event', message, sequence }),
  state: (message, sequence) => runner?.send({ kind: 'state', message, sequence }),
});

const touchButtons = [
  { element: element('fire'), button: FIRE_BUTTON },
  { element: element('jump'), button: JUMP_BUTTON },
];
const controls = new DevControls({ button: element('controls'), container: element('panel'), touchButtons });
const speaker = new DevSpeaker(AUDIO_RATE);

let runner: Runner | undefined;
/** Handles the game's requests to the player; undefined until the page takes input. */
let requests: PageRequests | undefined;
let newest: BuildNotice | undefined;
/** The build of the game that is running. */
let playing: Built | undefined;
/** Whether any build has run since the page was opened. */
let hasPlayed = false;
/** The game's newest saved state. The page keeps it, because the worker may be terminated. */
let saved: Saved | undefined;

void start();

async function start(): Promise<void> {
  const config = (await (await fetch('config')).json()) as Config;
  runner = new Runner({
    config,
    size: measure(),
    seed: 1 + Math.floor(Math.random() * 2 ** 47),
    picture,
    saved: () => saved,
    onMessage: handle,
    onStuck: showStuck,
    onNewWorker: () => writer.open(),
  });
  takeInput();
  element('retry').addEventListener('click', retry);
  new ResizeObserver(resize).observe(stage);
  addEventListener('resize', resize);
  listen();
}

/** Listens for new builds of the game. Some browsers stop reconnecting after an error, so the page reconnects itself. */
function listen(): void {
  const events = new EventSource('events');
  events.onopen = () => showServer(true);
  events.onmessage = ({ data }) => replace(JSON.parse(data as string) as BuildNotice);
  events.onerror = () => {
    showServer(false);
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

/** Shows whether the page is connected to the server. */
function showServer(isConnected: boolean): void {
  dataset.server = isConnected ? '' : 'gone';
  element('gone').hidden = isConnected;
}

function replace(notice: BuildNotice): void {
  const before = newest;
  newest = notice;
  // The page has reconnected to the same server and already has this build.
  if (before?.run === notice.run && before.id === notice.id) return;
  if (before?.name !== notice.name) saved = undefined;
  element('game').textContent = notice.name;
  document.title = `${notice.name} · Nearlight dev`;
  if (notice.kind === 'built') {
    runner?.play(notice);
    return;
  }
  dataset.state = 'broken';
  const hint = playing ? 'The last build goes on below.' : '';
  showProblems(`${notice.name} does not compile`, notice.problems, { hint });
}

function retry(): void {
  dataset.state = 'loading';
  hideProblems();
  runner?.retry();
}

function handle(message: FromGame): void {
  if (message.kind === 'ready') element('gpu').textContent = message.gpu;
  else if (message.kind === 'no-gpu') {
    dataset.state = 'stopped';
    showProblems('This browser has no WebGPU', [{ message: NO_WEBGPU }], { retry: true });
  } else if (message.kind === 'opened') showRunning(message.id, message.state);
  else if (message.kind === 'missed') newest = undefined;
  else if (message.kind === 'drawn') markDrawn(message.id);
  else if (message.kind === 'saved') saved = message.saved;
  else if (message.kind === 'sound') speaker.play(message.samples);
  else if (message.kind === 'begun') requests?.stop();
  else if (message.kind === 'notice') takeNotice(message.notice);
  else if (message.kind === 'stopped') showStop(message.id, message.stop);
  else if (message.kind === 'meters') {
    element('fps').textContent = message.fps.toFixed(0);
    element('encode').textContent = message.encodeMs.toFixed(2);
    element('replay').textContent = message.replayMs.toFixed(2);
  }
}

function takeNotice(notice: Notice): void {
  if (notice.kind === 'joined') controls.show(notice.actions ?? []);
  requests?.onNotice(notice);
}

const KEPT = { kept: 'state kept', refused: 'state refused: started over', none: 'started over' };

function showRunning(id: number, state: keyof typeof KEPT): void {
  showKept(hasPlayed ? KEPT[state] : '', state !== 'kept');
  hasPlayed = true;
  if (newest?.kind !== 'built' || newest.id !== id) return;
  playing = newest;
  hideProblems();
  element('size').textContent = `${(newest.bytes / 1000).toFixed(1)} kB, compiled in ${newest.ms} ms`;
  dataset.state = 'running';
}

/** Notes in the document which build of a game is shown, for tests. A worker's picture appears with the page's next frame. */
function markDrawn(id: number): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      dataset.build = String(id);
    }),
  );
}

function showKept(text: string, lost: boolean): void {
  element('kept').textContent = text;
  element('kept').classList.toggle('lost', lost);
}

/** Shows why and where the game failed. The game runs again after the next save or when the button is pressed. */
function showStop(id: number, stop: Stop): void {
  requests?.stop();
  dataset.state = 'stopped';
  playing = undefined;
  const { headline, problems } = stop;
  const hint = saved
    ? 'Save a change or try again to go on from the last state. Reload the page to start over.'
    : 'Save a change or try again to start over.';
  showKept(saved ? 'state kept for the next build' : '', false);
  const advice = { hint, retry: true };
  showProblems(headline, problems, advice);
  void report(id, stop).then((place) => {
    const [first, ...others] = problems;
    if (place && first && dataset.state === 'stopped')
      showProblems(headline, [{ ...first, message: first.message + place }, ...others], advice);
  });
}

/** Shows or hides the message that a call of the game, build `id`, does not return. */
function showStuck(id: number, isStuck: boolean): void {
  if (!isStuck) {
    if (dataset.state !== 'stuck') return;
    dataset.state = 'running';
    hideProblems();
    return;
  }
  dataset.state = 'stuck';
  const message = `A call of the game has not returned for ${STUCK_MS / 1000} s. Is there an endless loop?`;
  const headline = 'The game does not answer';
  const goes = saved ? 'the game goes on from its last state' : 'the game starts over';
  const hint = `Save a change or try again: that ends the call, and ${goes}.`;
  showProblems(headline, [{ message }], { hint, retry: true });
  void report(id, { headline, problems: [{ message: `${message} ${hint}` }], frames: [] });
}

/** Has the server log why the game has stopped. @returns the places of its trap in the sources; empty if it did not trap */
async function report(id: number, { headline, problems, frames }: Stop): Promise<string> {
  const body = JSON.stringify({ id, headline, problems: problems.map(({ excerpt: _, ...rest }) => rest), frames });
  const answer = await fetch('stopped', { method: 'POST', body }).catch(() => undefined);
  return answer?.ok ? answer.text() : '';
}

/** Measures the game's area of the page in device pixels, at most two for each CSS pixel. */
function measure(): Size {
  const scale = Math.min(devicePixelRatio, 2);
  size.width = Math.max(1, Math.round(stage.clientWidth * scale));
  size.height = Math.max(1, Math.round(stage.clientHeight * scale));
  return { ...size };
}

function resize(): void {
  runner?.resize(measure());
  picture.dispatchEvent(new Event('resize'));
}

/** Connects keyboard, mouse, gamepads and touch as on the page for streamed games, whose video the picture stands in for. */
function takeInput(): void {
  writer.open();
  Object.defineProperties(picture, {
    videoWidth: { get: () => size.width },
    videoHeight: { get: () => size.height },
  });
  const video = picture as HTMLElement as HTMLVideoElement;
  const input = new PageInput({ stage, video, writer, controls: controls.settings });
  const onClosed = () => stage.focus();
  const isTouch = () => matchMedia('(pointer: coarse)').matches;
  requests = new PageRequests({ input, writer, container: document.body, isTouch, onClosed });
  const [stick, knob] = [element('stick'), element('knob')];
  new TouchInput({ stage, stick, knob, buttons: touchButtons, writer, controls: controls.settings });
}
