import type { Notice } from '../base/protocol.ts';
import { PlayerClient } from './client.ts';
import { LatencyGraph } from './graph.ts';
import { PlayGuard } from './guard.ts';
import { PageInput } from './input.ts';
import type { ViewQuery } from './link.ts';
import { Speaker, type SpeakerState } from './speaker.ts';
import type { PlayerState } from './state.ts';
import { FIRE_BUTTON, JUMP_BUTTON, TouchInput } from './touch.ts';

declare global {
  /** The client that plays the game in this page, for the browser's console and for measurements. */
  var nearlight: PlayerClient;
}

/** Headlines for the player by error code. The message below the headline says more. */
const TITLES: Readonly<Record<string, string>> = {
  NL_BROWSER: 'This browser cannot play',
  NL_HOST: 'Not available here',
  NL_OFFER: 'This browser cannot play',
  NL_REQUEST: 'Not available here',
};

/** Words for the player about the network. A good one needs none. */
const QUALITIES = { good: '–', unsteady: 'unsteady network', poor: 'poor network' } as const;

/** How long the page says that its picture is smaller than it asked for. */
const SMALLER_MS = 10_000;

const root = document.documentElement;
const { dataset } = document.body;
const stage = element('stage');
const video = element<HTMLVideoElement>('picture');
const card = element('card');
const stats = element('stats');
const coarse = matchMedia('(pointer: coarse)');
const portrait = matchMedia('(orientation: portrait)');
root.classList.toggle('touch', coarse.matches);
let smallerTimer: ReturnType<typeof setTimeout> | undefined;

const volume = element<HTMLInputElement>('volume');
const audio = document.createElement('audio');
audio.autoplay = true;
stage.append(audio);
const speaker = new Speaker({
  audio,
  onState: showSpeaker,
  storage: readStorage(),
});
const client = new PlayerClient({
  video,
  sound: speaker,
  storage: storage(),
  onState: showState,
  onNotice: showNotice,
});
globalThis.nearlight = client;
const graph = new LatencyGraph({
  canvas: element('graph'),
  legend: element('stages'),
  history: client.history,
});

const guard = new PlayGuard({
  isPlaying: () => client.state.kind === 'playing',
  isPointerLocked: () => input.locked,
});
const input = new PageInput({
  stage,
  video,
  writer: client.input,
  alignY: () => (root.classList.contains('touch') && portrait.matches ? 0.3 : 0.5),
  hasKeyboard: () => guard.hasKeyboard,
  onAct: hideCard,
  onLock: (locked) => toggle('locked', locked),
});
new TouchInput({
  stage,
  stick: element('stick'),
  knob: element('knob'),
  buttons: [
    { element: element('fire'), button: FIRE_BUTTON },
    { element: element('jump'), button: JUMP_BUTTON },
  ],
  writer: client.input,
  onAct: hideCard,
});

card.addEventListener('click', () => {
  if (client.state.kind !== 'playing') return;
  hideCard();
  stage.focus({ preventScroll: true });
  void video.play().catch(() => {});
  if (!root.classList.contains('touch')) void input.lock();
});
element('retry').addEventListener('click', () => client.connect(readQuery()));
volume.value = String(speaker.volume);
volume.addEventListener('input', () => {
  speaker.volume = volume.valueAsNumber;
});
element('speaker').addEventListener('click', () => speaker.toggle());
element('figures').addEventListener('click', (event) => {
  stats.hidden = !stats.hidden;
  graph.show(!stats.hidden);
  (event.currentTarget as HTMLElement).setAttribute('aria-expanded', String(!stats.hidden));
  showFigures();
});
element('full').hidden = !document.fullscreenEnabled;
element('full').addEventListener('click', () => void fullScreen());
document.addEventListener('fullscreenchange', () =>
  element('full').setAttribute('aria-pressed', String(document.fullscreenElement !== null)),
);
addEventListener('pointerdown', (event) => event.pointerType === 'touch' && root.classList.add('touch'));
addEventListener('pagehide', () => client.suspend());
addEventListener('pageshow', (event) => event.persisted && client.connect(readQuery()));
addEventListener('online', () => client.wake());
(navigator as { connection?: EventTarget }).connection?.addEventListener('change', () => client.wake());
document.addEventListener('visibilitychange', () => client.setHidden(document.hidden));
setInterval(showFigures, 500);
client.setHidden(document.hidden);
client.connect(readQuery());

/** Returns where the page keeps the tokens for its seat. Each tab has its own. A browser may forbid it. */
function storage(): Storage | undefined {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function toggle(flag: 'started' | 'locked' | 'seen' | 'paused' | 'smaller', on: boolean): void {
  if (on) dataset[flag] = '';
  else delete dataset[flag];
}

function text(id: string, value: string): void {
  const node = element(id);
  if (node.textContent !== value) node.textContent = value;
}

/**
 * Reads the picture and game that the page's URL asks for, unchecked. If the URL gives no size, a phone asks for a smaller
 * picture than the server's default.
 */
function readQuery(): ViewQuery {
  const query = new URLSearchParams(location.search);
  const phone = coarse.matches && Math.min(screen.width, screen.height) < 600;
  return {
    size: query.get('size') ?? (phone ? '848x480' : undefined),
    fps: query.get('fps') ?? undefined,
    game: query.get('game') ?? undefined,
  };
}

/** Returns where the page keeps the volume; undefined if the browser keeps nothing for this page. */
function readStorage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

/** Shows whether the player hears the game. A game without sound has no such button. */
function showSpeaker(state: SpeakerState): void {
  const label = { silent: '', blocked: 'Sound: off until you click', off: 'Sound: off', on: 'Sound: on' }[state];
  dataset.sound = state;
  element('loudness').hidden = state === 'silent';
  element('speaker').setAttribute('aria-label', label);
  element('speaker').title = label;
  element('speaker').setAttribute('aria-pressed', String(state === 'on'));
}

/** Hides the card with the instructions if the game is playing. */
function hideCard(): void {
  if (client.state.kind === 'playing') toggle('started', true);
}

function showNotice(notice: Notice): void {
  toggle('paused', notice.kind === 'paused');
  if (notice.kind !== 'joined') return;
  // A game is named after its module's file, so its name may contain hyphens.
  const game = notice.game.replace(/[-_]+/g, ' ');
  document.title = `${game} · Nearlight`;
  dataset.game = game;
  if (client.state.kind === 'playing') text('title', game);
  showPicture(notice);
}

/** Says for a while that the server gives a smaller picture or a lower rate than the page asked for, if it does. */
function showPicture({ wanted, ...got }: Notice & { kind: 'joined' }): void {
  clearTimeout(smallerTimer);
  toggle('smaller', wanted !== undefined);
  if (wanted === undefined) return;
  const describe = ({ width, height, fps }: typeof wanted) => `${width} × ${height} at ${fps} fps`;
  text('smaller-text', `This server is busy: your picture is ${describe(got)} instead of ${describe(wanted)}.`);
  smallerTimer = setTimeout(() => toggle('smaller', false), SMALLER_MS);
}

function showState(state: PlayerState): void {
  guard.update();
  const before = dataset.state;
  dataset.state = state.kind;
  text('code', '');
  text('message', '');
  card.setAttribute('aria-label', state.kind === 'ended' ? 'Stopped' : 'Start');
  if (state.kind === 'connecting') {
    text('status', 'connecting…');
    const waiting = state.attempt > 1 ? `Connecting again, attempt ${state.attempt}` : 'Connecting to the game';
    text('message', state.message ?? waiting);
  } else if (state.kind === 'waiting') {
    text('status', 'waiting…');
    text('title', 'All seats are taken');
    text('message', `You are number ${state.position} in the queue. The game begins by itself when it is your turn.`);
  } else if (state.kind === 'reconnecting') {
    if (before !== 'reconnecting') keepPicture();
    text('status', 'reconnecting…');
    text('away-text', state.message === undefined ? 'Reconnecting…' : `Reconnecting… ${state.message}`);
    showHold();
  } else if (state.kind === 'playing') {
    toggle('seen', true);
    text('status', 'playing');
    text('title', dataset.game ?? 'Ready');
  } else if (state.kind === 'ended') {
    showEnd(state);
  }
}

/** Keeps a copy of the last picture, because the video shows nothing while it waits for the next connection's first one. */
function keepPicture(): void {
  const { videoWidth: width, videoHeight: height } = video;
  const last = element<HTMLCanvasElement>('last');
  if (width > 0) Object.assign(last, { width, height });
  if (width > 0) last.getContext('2d')?.drawImage(video, 0, 0);
}

/** Says how long the player's seat still waits. */
function showHold(): void {
  const { state } = client;
  const heldUntil = state.kind === 'reconnecting' ? state.heldUntil : undefined;
  const seconds = Math.ceil(((heldUntil ?? 0) - performance.now()) / 1000);
  text('away-left', seconds > 0 ? `Your seat is kept for ${seconds} s.` : '');
}

function showEnd(state: PlayerState & { kind: 'ended' }): void {
  if (input.locked) document.exitPointerLock();
  // The page's URL may ask for a picture or game that the server does not offer. The server's defaults may work then.
  const action = location.search === '' ? 'retry' : 'defaults';
  dataset.action = action;
  text('status', 'stopped');
  text('title', TITLES[state.code] ?? 'The game stopped');
  text('message', state.message);
  text('code', state.code);
  if (!root.classList.contains('touch')) element(action).focus();
}

function showFigures(): void {
  showHold();
  if (client.state.kind !== 'playing') return;
  const now = client.stats();
  const fps = withUnit(now.fps, 0, 'fps');
  dataset.quality = now.quality;
  const parts = [fps, withUnit(now.latencyP50, 0, 'ms'), QUALITIES[now.quality]].filter((part) => part !== '–');
  text('status', 'paused' in dataset ? 'waiting…' : parts.join(' · ') || 'playing');
  if (stats.hidden) return;
  text('stat-fps', fps);
  text('stat-p50', withUnit(now.latencyP50, 1, 'ms'));
  text('stat-p99', withUnit(now.latencyP99, 1, 'ms'));
  text('stat-rtt', withUnit(now.rtt, 1, 'ms'));
  text('stat-server', withUnit(now.serverP50, 1, 'ms'));
  text('stat-size', now.width > 0 ? `${now.width} × ${now.height}` : '–');
  text('stat-bitrate', withUnit(now.bitrate / 1e6, 1, 'Mbit/s'));
  text('stat-dropped', String(now.framesDropped));
  text('stat-lost', String(now.packetsLost));
  text('stat-door', now.door || '–');
}

function withUnit(value: number, digits: number, name: string): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(digits)} ${name}`;
}

async function fullScreen(): Promise<void> {
  if (document.fullscreenElement !== null) return document.exitFullscreen();
  await root.requestFullscreen({ navigationUI: 'hide' });
  const orientation = screen.orientation as ScreenOrientation & { lock?(to: string): Promise<void> };
  // Only some phones can lock the screen's orientation.
  if (coarse.matches) await orientation.lock?.('landscape').catch(() => {});
}
