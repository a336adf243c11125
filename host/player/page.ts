import type { Notice } from '../stream/protocol.ts';
import { PlayerClient, type PlayerState } from './client.ts';
import type { View } from './connection.ts';
import { PlayerInput } from './input.ts';
import { TouchInput } from './touch.ts';

declare global {
  /** For the console and for measurements: the connection of this page. */
  var nearlight: PlayerClient;
}

/** What went wrong, in a few plain words; the message says more. */
const TITLES: Readonly<Record<string, string>> = {
  NL_BROWSER: 'This browser cannot play',
  NL_CONNECTION: 'No connection',
  NL_OFFER: 'This browser cannot play',
  NL_REQUEST: 'That is not on offer',
  NL_ROOM_FULL: 'No free seat',
  NL_SHUTDOWN: 'The server is restarting',
};

const root = document.documentElement;
const { dataset } = document.body;
const stage = element('stage');
const video = element<HTMLVideoElement>('picture');
const card = element('card');
const stats = element('stats');
const coarse = matchMedia('(pointer: coarse)');
const portrait = matchMedia('(orientation: portrait)');
root.classList.toggle('touch', coarse.matches);

const client = new PlayerClient({ video, onState: show, onNotice: notice });
globalThis.nearlight = client;

const input = new PlayerInput({
  stage,
  video,
  writer: client.input,
  alignY: () => (root.classList.contains('touch') && portrait.matches ? 0.3 : 0.5),
  onAct: start,
  onLock: (locked) => toggle('locked', locked),
});
new TouchInput({
  stage,
  stick: element('stick'),
  knob: element('knob'),
  fire: element('fire'),
  writer: client.input,
  onAct: start,
});

card.addEventListener('click', () => {
  if (client.state.kind !== 'playing') return;
  start();
  stage.focus({ preventScroll: true });
  void video.play().catch(() => {});
  if (!root.classList.contains('touch')) void input.lock();
});
element('retry').addEventListener('click', () => client.connect(askedView()));
element('figures').addEventListener('click', (event) => {
  stats.hidden = !stats.hidden;
  (event.currentTarget as HTMLElement).setAttribute('aria-expanded', String(!stats.hidden));
  figures();
});
element('full').hidden = !document.fullscreenEnabled;
element('full').addEventListener('click', () => void fullScreen());
document.addEventListener('fullscreenchange', () =>
  element('full').setAttribute('aria-pressed', String(document.fullscreenElement !== null)),
);
addEventListener('pointerdown', (event) => event.pointerType === 'touch' && root.classList.add('touch'));
addEventListener('pagehide', () => client.leave());
addEventListener('pageshow', (event) => event.persisted && client.connect(askedView()));
setInterval(figures, 500);
client.connect(askedView());

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function toggle(flag: 'started' | 'locked' | 'seen' | 'paused', on: boolean): void {
  if (on) dataset[flag] = '';
  else delete dataset[flag];
}

function text(id: string, value: string): void {
  const node = element(id);
  if (node.textContent !== value) node.textContent = value;
}

/** What the address asks for, unchecked; else the server's usual picture, or less where a phone decodes and shows it. */
function askedView(): View {
  const query = new URLSearchParams(location.search);
  const phone = coarse.matches && Math.min(screen.width, screen.height) < 600;
  return {
    size: query.get('size') ?? (phone ? '848x480' : undefined),
    fps: query.get('fps') ?? undefined,
    game: query.get('game') ?? undefined,
  };
}

function start(): void {
  if (client.state.kind === 'playing') toggle('started', true);
}

function notice(message: Notice): void {
  toggle('paused', message.kind === 'paused');
  if (message.kind !== 'joined') return;
  // A file's name, in words.
  const game = message.game.replace(/[-_]+/g, ' ');
  document.title = `${game} · Nearlight`;
  dataset.game = game;
  if (client.state.kind === 'playing') text('title', game);
}

function show(state: PlayerState): void {
  dataset.state = state.kind;
  text('code', '');
  text('message', '');
  card.setAttribute('aria-label', state.kind === 'ended' ? 'Stopped' : 'Start');
  if (state.kind === 'connecting') {
    const again = state.attempt > 1;
    text('status', again ? 'reconnecting…' : 'connecting…');
    const waiting = again ? `Connecting again, attempt ${state.attempt}` : 'Bringing the game to you';
    text('message', state.message ?? waiting);
  } else if (state.kind === 'playing') {
    toggle('seen', true);
    text('status', 'playing');
    text('title', dataset.game ?? 'Ready');
  } else if (state.kind === 'ended') {
    ended(state);
  }
}

function ended(state: PlayerState & { kind: 'ended' }): void {
  if (input.locked) document.exitPointerLock();
  const wrongView = !state.retry && location.search !== '';
  dataset.action = state.retry ? 'retry' : wrongView ? 'defaults' : 'none';
  text('status', 'stopped');
  text('title', TITLES[state.code] ?? 'The game stopped');
  text('message', state.message);
  text('code', state.code);
  if (!root.classList.contains('touch')) element(state.retry ? 'retry' : 'defaults').focus();
}

function figures(): void {
  if (client.state.kind !== 'playing') return;
  const now = client.stats();
  const fps = unit(now.fps, 0, 'fps');
  const parts = [fps, unit(now.latencyP50, 0, 'ms')].filter((part) => part !== '–');
  text('status', 'paused' in dataset ? 'waiting…' : parts.join(' · ') || 'playing');
  if (stats.hidden) return;
  text('stat-fps', fps);
  text('stat-p50', unit(now.latencyP50, 1, 'ms'));
  text('stat-p99', unit(now.latencyP99, 1, 'ms'));
  text('stat-rtt', unit(now.rtt, 1, 'ms'));
  text('stat-server', unit(now.serverP50, 1, 'ms'));
  text('stat-size', now.width > 0 ? `${now.width} × ${now.height}` : '–');
  text('stat-bitrate', unit(now.bitrate / 1e6, 1, 'Mbit/s'));
  text('stat-dropped', String(now.framesDropped));
  text('stat-lost', String(now.packetsLost));
}

function unit(value: number, digits: number, name: string): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(digits)} ${name}`;
}

async function fullScreen(): Promise<void> {
  if (document.fullscreenElement !== null) return document.exitFullscreen();
  await root.requestFullscreen({ navigationUI: 'hide' });
  const orientation = screen.orientation as ScreenOrientation & { lock?(to: string): Promise<void> };
  if (coarse.matches) await orientation.lock?.('landscape').catch(() => {}); // phones only, and not all
}
