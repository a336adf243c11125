import type { Config } from '../../base/config.ts';
import type { Saved } from '../../play/tab.ts';
import { PlayerInput } from '../../player/input.ts';
import { TouchInput } from '../../player/touch.ts';
import { InputWriter } from '../../player/writer.ts';
import type { Built, Notice } from './build.ts';
import { NO_WEBGPU } from './device.ts';
import type { FromGame, Size, Stop } from './messages.ts';
import { element, hideProblems, showProblems } from './overlay.ts';
import { Runner, STUCK_MS } from './runner.ts';

const { dataset } = document.body;
const picture = element('picture');
const stage = element('stage');
const size = { width: 1, height: 1 };
/** What a sink is given is good during the call only: messages are copies. */
const writer = new InputWriter({
  event: (message, sequence) => runner?.send({ kind: 'event', message, sequence }),
  state: (message, sequence) => runner?.send({ kind: 'state', message, sequence }),
});

let runner: Runner | undefined;
let newest: Notice | undefined;
/** The build that plays, and the state that it was in last: the worker and the build may go. */
let playing: Built | undefined;
let played = false;
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
    heard,
    stuck,
    renewed: () => writer.open(),
  });
  takeInput();
  element('retry').addEventListener('click', retry);
  new ResizeObserver(resize).observe(stage);
  addEventListener('resize', resize);
  listen();
}

/** A browser that gives the connection up is made to try again. */
function listen(): void {
  const events = new EventSource('events');
  events.onopen = () => gone(false);
  events.onmessage = ({ data }) => replace(JSON.parse(data as string) as Notice);
  events.onerror = () => {
    gone(true);
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

function gone(yes: boolean): void {
  dataset.server = yes ? 'gone' : '';
  element('gone').hidden = !yes;
}

function replace(notice: Notice): void {
  const before = newest;
  newest = notice;
  // Connected again, to the same server.
  if (before?.run === notice.run && before.id === notice.id) return;
  if (before?.name !== notice.name) saved = undefined;
  element('game').textContent = notice.name;
  document.title = `${notice.name} · Nearlight dev`;
  if (notice.kind === 'built') {
    runner!.play(notice);
    return;
  }
  dataset.state = 'broken';
  const hint = playing ? 'The last build goes on below.' : '';
  showProblems(`${notice.name} does not compile`, notice.problems, { hint });
}

function retry(): void {
  dataset.state = 'loading';
  hideProblems();
  runner!.retry();
}

function heard(message: FromGame): void {
  if (message.kind === 'ready') element('gpu').textContent = message.gpu;
  else if (message.kind === 'no-gpu') {
    dataset.state = 'stopped';
    showProblems('This browser has no WebGPU', [{ message: NO_WEBGPU }], { retry: true });
  } else if (message.kind === 'opened') opened(message.id, message.state);
  else if (message.kind === 'missed') newest = undefined;
  else if (message.kind === 'drawn') drawn(message.id);
  else if (message.kind === 'saved') saved = message.saved;
  else if (message.kind === 'stopped') stopped(message.id, message.stop);
  else if (message.kind === 'meters') {
    element('fps').textContent = message.fps.toFixed(0);
    element('encode').textContent = message.encodeMs.toFixed(2);
    element('replay').textContent = message.replayMs.toFixed(2);
  }
}

const KEPT = { kept: 'state kept', refused: 'state refused: began anew', none: 'began anew' };

function opened(id: number, state: keyof typeof KEPT): void {
  said(played ? KEPT[state] : '', state !== 'kept');
  played = true;
  if (newest?.kind !== 'built' || newest.id !== id) return;
  playing = newest;
  hideProblems();
  element('size').textContent = `${(newest.bytes / 1000).toFixed(1)} kB, compiled in ${newest.ms} ms`;
  dataset.state = 'running';
}

/** A worker's picture is shown with the page's next frame. */
function drawn(id: number): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      dataset.build = String(id);
    }),
  );
}

function said(text: string, lost: boolean): void {
  element('kept').textContent = text;
  element('kept').classList.toggle('lost', lost);
}

/** Says why and where the game failed. It plays again after the next save, or at the press of a button. */
function stopped(id: number, stop: Stop): void {
  dataset.state = 'stopped';
  playing = undefined;
  const { headline, problems } = stop;
  const hint = saved
    ? 'Save a change or try again to go on from the last state. Reload the page to start over.'
    : 'Save a change or try again to start over.';
  said(saved ? 'state kept for the next build' : '', false);
  const advice = { hint, retry: true };
  showProblems(headline, problems, advice);
  void report(id, stop).then((place) => {
    const [first, ...others] = problems;
    if (place && first && dataset.state === 'stopped')
      showProblems(headline, [{ ...first, message: first.message + place }, ...others], advice);
  });
}

function stuck(id: number, yes: boolean): void {
  if (!yes) {
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

/** Tells the terminal; gives the places of the trap. */
async function report(id: number, { headline, problems, frames }: Stop): Promise<string> {
  const body = JSON.stringify({ id, headline, problems: problems.map(({ excerpt: _, ...rest }) => rest), frames });
  const answer = await fetch('stopped', { method: 'POST', body }).catch(() => undefined);
  return answer?.ok ? answer.text() : '';
}

/** The stage's size in device pixels, at most two for one of CSS. */
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

/** Keyboard, mouse, gamepads and touch, as on the player's page; the picture takes the place of its video there. */
function takeInput(): void {
  writer.open();
  Object.defineProperties(picture, {
    videoWidth: { get: () => size.width },
    videoHeight: { get: () => size.height },
  });
  new PlayerInput({ stage, video: picture as HTMLElement as HTMLVideoElement, writer });
  new TouchInput({ stage, stick: element('stick'), knob: element('knob'), fire: element('fire'), writer });
}
