// The page at / of a host: one player that fills the window and plays what the page's URL asks for, as in /?game=arena&fps=30.
import type { PlayerClient } from './client.ts';

declare global {
  /** The client that plays the game in this page, for the browser's console and for measurements. */
  var nearlight: PlayerClient;
}

const player = document.createElement('nearlight-player');
const query = new URLSearchParams(location.search);
for (const name of ['game', 'size', 'fps', 'bitrate', 'muted', 'controls', 'spectate']) {
  const value = query.get(name);
  if (value !== null) player.setAttribute(name, value);
}
player.src = '.';
if (location.search !== '') {
  // The URL may ask for a picture or a game that the host does not offer. The host's defaults may work then.
  const link = document.createElement('a');
  Object.assign(link, { id: 'defaults', slot: 'ended', href: '.', textContent: 'Play with the default settings' });
  player.append(link);
}
player.addEventListener('statechange', ({ detail }) => {
  document.body.dataset.state = detail.kind;
});
player.addEventListener('notice', ({ detail }) => detail.kind === 'joined' && showTitle(player.gameTitle));
// Keys are always for the game here, whatever was clicked last. The player listens after this page, so it has the first key already.
addEventListener('keydown', () => document.activeElement === document.body && player.focus(), { capture: true });
document.querySelector('main')?.append(player);
if (player.client) globalThis.nearlight = player.client;

addEventListener('beforeunload', (event) => {
  if (player.state.kind === 'playing' && !player.spectate) event.preventDefault();
});

function showTitle(game: string): void {
  document.title = `${game} · Nearlight`;
  const heading = document.querySelector('h1');
  if (heading) heading.textContent = game;
}
