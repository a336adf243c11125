import type { PlayerState } from './state.ts';

/** Headlines for the player by error code. The message below the headline says more. */
const TITLES: Readonly<Record<string, string>> = {
  NL_BROWSER: 'This browser cannot play',
  NL_HOST: 'Not available here',
  NL_OFFER: 'This browser cannot play',
  NL_REQUEST: 'Not available here',
};

/** The text that the page shows and announces for a state. */
export type Words = {
  /** For the bar: one or two words. */
  status: string;
  /** Headline of the card; '' where the card has none. */
  title: string;
  message: string;
  /** The code of an error. */
  code: string;
  /** For a screen reader. */
  announcement: string;
};

/** Returns the words for a state. */
export function wordsOf(
  state: PlayerState,
  { game, spectates }: { game?: string | undefined; spectates: boolean },
): Words {
  const words = { title: '', message: '', code: '' };
  switch (state.kind) {
    case 'idle':
      return { ...words, status: 'not connected', announcement: 'Not connected' };
    case 'connecting': {
      const waiting = state.attempt > 1 ? `Connecting again, attempt ${state.attempt}` : 'Connecting to the game';
      const message = state.message ?? waiting;
      return { ...words, status: 'connecting…', message, announcement: message };
    }
    case 'waiting': {
      const title = 'All seats are taken';
      const message = `You are number ${state.position} in the queue. The game begins by itself when it is your turn.`;
      return { ...words, status: 'waiting…', title, message, announcement: `${title}. ${message}` };
    }
    case 'playing': {
      const title = game ?? 'Ready';
      const status = spectates ? 'watching' : 'playing';
      return { ...words, status, title, announcement: `${title}: ${status}` };
    }
    case 'reconnecting': {
      const message = state.message === undefined ? 'Reconnecting…' : `Reconnecting… ${state.message}`;
      return { ...words, status: 'reconnecting…', message, announcement: message };
    }
    case 'ended': {
      const title = TITLES[state.code] ?? 'The game stopped';
      const { code, message } = state;
      return { status: 'stopped', title, message, code, announcement: `${title}. ${message}` };
    }
  }
}
