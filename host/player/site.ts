// The page at / of a host: one player that fills the window and plays what the page's URL asks for, as in /?game=arena&fps=30.
import type { PlayerClient } from './client.ts';

declare global {
  /** The client that plays the game in this page, for the browser's console and for measurements. */
  var nearlight: PlayerClient;
}

const RELOADED = 'nearlight reloaded';

const player = document.createElement('nearlight-player');
const query = new URLSearchParams(location.search);
for (const name of ['game', 'size', 'fps', 'bitrate', 'muted', 'controls', 'spectate']) {
  const value = query.get(name);
  if (value !== null) player.setAttribute(name, value);
}
// The site where players sign in has put their token behind the # of this page's URL, which browsers send to no server. The page moves it
// from the address, where others could read it, to the state of the tab's history, which is there again after a reload.
const [, token] = /^#token=(.+)/.exec(location.hash) ?? [];
if (token) history.replaceState(token, '', location.pathname + location.search);
player.getToken = () => history.state ?? undefined;
player.src = '.';
if (location.search !== '') {
  // The URL may ask for a picture or a game that the host does not offer. The host's defaults may work then.
  const link = document.createElement('a');
  Object.assign(link, { id: 'defaults', slot: 'ended', href: '.', textContent: 'Play with the default settings' });
  player.append(link);
  // Other settings do not help a player whom the gate refuses, who gets the element's own button.
  player.addEventListener('statechange', ({ detail }) => {
    link.slot = detail.kind === 'ended' && /_(TOKEN|TICKET|POLICY|RISK)/.test(detail.code) ? '' : 'ended';
  });
}
player.addEventListener('statechange', ({ detail }) => {
  document.body.dataset.state = detail.kind;
  if (detail.kind === 'playing') noteReload(false);
  // The server has been updated since it sent this page, and now has another one. If that does not help, the player reads why.
  if (detail.kind === 'ended' && detail.code === 'NL_PAGE_VERSION' && noteReload(true)) location.reload();
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

/** Notes whether the page was loaded again to get its newest version. @returns whether that changes what was noted before */
function noteReload(wasReloaded: boolean): boolean {
  try {
    const before = sessionStorage.getItem(RELOADED) !== null;
    if (wasReloaded) sessionStorage.setItem(RELOADED, '');
    else sessionStorage.removeItem(RELOADED);
    return before !== wasReloaded;
  } catch {
    // A browser that keeps nothing for the page would load it again and again.
    return false;
  }
}
