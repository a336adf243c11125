import type { Labels } from './labels.ts';
import type { PlayerState } from './state.ts';

/** The texts in English about obstacles that keep the page from connecting, and what can be done about each. */
export const ENGLISH_OBSTACLES = {
  siteRefused: 'This site may not play here',
  noGameServer: 'No game server here',
  pageOutdated: 'This page is out of date',
  originRefused: (origin: string) =>
    `The game server does not let ${origin} play. The operator of the server can allow that: ALLOWED_ORIGINS=${origin}. A proxy in front of it must pass the Host header on.`,
  triesAgain: 'This page tries again by itself.',
  loginPage: 'Something else than a game server answered. If this network has a login page, log in there first.',
  wrongAddress: 'There is no game server at this address. The owner of this site can correct the address.',
  proxyRefused: 'A proxy or firewall refused this page. Its administrator can let the page pass.',
  mixedContent: 'A page with https cannot reach a server with http. The owner of this site can use an https address.',
  loadAgain: 'The server has another version. Load this page again.',

  // The host lets in some players only
  signIn: 'Sign in to play',
  signInHere: 'This game is for players who have signed in. Open it from the site where you sign in.',
  signInAgain: 'Your sign-in is not valid here. Sign in again at the site of the game.',
  signInExpired: 'Your sign-in has expired. Sign in again at the site of the game.',
  ticketSpent: 'This invitation has expired or was used before. Open the game again from the site where you sign in.',
  issuerSilent: 'Players cannot be recognised at the moment, because the service for signing in does not answer.',
  cannotJoin: 'You cannot join now',
  policyRefuses: 'The game has begun or is full, or it is not for your account.',
  policySilent: 'The rules of this game cannot be asked at the moment.',
  edgeSilent: 'The game server cannot let players in at the moment. Games that run go on.',
  accountFull: 'You play too many games at the same time. Leave another one first.',
  dismissed: 'A page from here sent far more than a player can, so the next one has to wait for some seconds.',
  riskRefuses: 'A protection rule keeps you out. The operator of the game can tell you more.',
};

export type ObstacleLabels = typeof ENGLISH_OBSTACLES;

/** The code of a state whose message says that browsers let no page with https reach a server with http. */
export const MIXED_CONTENT = 'a page with https cannot reach a server with http';

/** The headline and the message for each code with which the gate of a host refuses a player. */
const GATE: Readonly<Record<string, readonly [title: keyof ObstacleLabels, message: keyof ObstacleLabels]>> = {
  NL_TOKEN_MISSING: ['signIn', 'signInHere'],
  NL_TOKEN: ['signIn', 'signInAgain'],
  NL_TOKEN_EXPIRED: ['signIn', 'signInExpired'],
  NL_TICKET: ['signIn', 'ticketSpent'],
  NL_ISSUER: ['cannotJoin', 'issuerSilent'],
  NL_POLICY: ['cannotJoin', 'policyRefuses'],
  NL_POLICY_DOWN: ['cannotJoin', 'policySilent'],
  NL_EDGE: ['cannotJoin', 'edgeSilent'],
  NL_ACCOUNT_FULL: ['cannotJoin', 'accountFull'],
  NL_DISMISSED: ['cannotJoin', 'dismissed'],
  NL_RISK: ['cannotJoin', 'riskRefuses'],
};

/**
 * Says in the player's language what keeps the page from connecting, and what to do.
 * @param options.origin of the document, which a server may refuse
 * @returns undefined if the words of the server are the best that there are
 */
export function explainObstacle(
  state: PlayerState,
  options: { origin: string; labels: Labels & Partial<ObstacleLabels> },
): { title: string; message: string } | undefined {
  const labels = { ...ENGLISH_OBSTACLES, ...options.labels };
  if (!('code' in state) || state.code === undefined) return undefined;
  const { code, message, kind } = state;
  if (code === 'NL_PAGE_VERSION') return { title: labels.pageOutdated, message: labels.loadAgain };
  if (message === MIXED_CONTENT) return { title: labels.notAvailable, message: labels.mixedContent };
  const again = (text: string) => (kind === 'connecting' ? `${text} ${labels.triesAgain}` : text);
  const gate = GATE[code];
  if (gate) return { title: String(labels[gate[0]]), message: again(String(labels[gate[1]])) };
  if (kind === 'ended') return undefined;
  if (code === 'NL_ORIGIN') return { title: labels.siteRefused, message: again(labels.originRefused(options.origin)) };
  if (code !== 'NL_ANSWER') return { title: labels.notAvailable, message: again(message ?? '') };
  return { title: labels.noGameServer, message: again(labels[meaningOf(state.status)]) };
}

/** Returns the label for an answer that does not come from Nearlight's server. @param status undefined if it cannot be read */
function meaningOf(status: number | undefined): 'loginPage' | 'proxyRefused' | 'wrongAddress' {
  if (status === undefined || status === 404 || status === 405 || status === 410) return 'wrongAddress';
  return status < 400 || status === 511 ? 'loginPage' : 'proxyRefused';
}

/** Writes into the page what keeps it from connecting. @param write writes the text of an element */
export function showObstacle(state: PlayerState, labels: Labels, write: (id: string, text: string) => void): void {
  const words = explainObstacle(state, { origin: location.origin, labels });
  if (!words) return;
  const isAway = state.kind === 'reconnecting';
  write('title', words.title);
  write('message', words.message);
  write('away-text', isAway ? labels.reconnectingWhy(words.message) : '');
  write('announcement', `${words.title}. ${words.message}`);
}
