import type { Labels } from './labels.ts';
import type { PlayerState } from './state.ts';

/** Headlines for the player by error code. The message below the headline says more. */
const TITLES: Readonly<
  Record<string, 'cannotPlay' | 'noGameServer' | 'notAvailable' | 'pageOutdated' | 'siteRefused'>
> = {
  NL_ANSWER: 'noGameServer',
  NL_BROWSER: 'cannotPlay',
  NL_HOST: 'notAvailable',
  NL_OFFER: 'cannotPlay',
  NL_ORIGIN: 'siteRefused',
  NL_PAGE_VERSION: 'pageOutdated',
  NL_REQUEST: 'notAvailable',
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

export type WordsOptions = {
  game?: string | undefined;
  /** The origin of the document, which a server may refuse. */
  origin: string;
  spectates: boolean;
  labels: Labels;
  /** Translates a message of the client. */
  translate(text: string): string;
};

/** Returns the words for a state. */
export function wordsOf(state: PlayerState, options: WordsOptions): Words {
  const { game, origin, spectates, labels, translate } = options;
  const words = { title: '', message: '', code: '' };
  // The messages of the server are in English. The page has words of its own for those that a player is likely to see.
  const explain = (code: string | undefined, message: string) => {
    if (code === 'NL_ORIGIN') return labels.originRefused(origin);
    return code === 'NL_PAGE_VERSION' ? labels.loadAgain : translate(message);
  };
  switch (state.kind) {
    case 'idle':
      return { ...words, status: labels.notConnected, announcement: labels.notConnected };
    case 'connecting': {
      const waiting = state.attempt > 1 ? labels.connectingAgain(state.attempt) : labels.connectingLong;
      const message = state.message === undefined ? waiting : explain(state.code, state.message);
      const status = labels.connectingShort;
      if (state.code === undefined) return { ...words, status, message, announcement: message };
      const title = titleFor(state.code, labels);
      const whole = `${message} ${labels.triesAgain}`;
      const code = state.status === undefined ? state.code : `${state.code} · HTTP ${state.status}`;
      return { status, title, message: whole, code, announcement: `${title}. ${whole}` };
    }
    case 'waiting': {
      const [title, message] = [labels.seatsTaken, labels.queue(state.position)];
      return { ...words, status: labels.waitingShort, title, message, announcement: `${title}. ${message}` };
    }
    case 'playing': {
      const title = game ?? labels.ready;
      const status = spectates ? labels.watching : labels.playing;
      return { ...words, status, title, announcement: `${title}: ${status}` };
    }
    case 'reconnecting': {
      const { message: why } = state;
      const message = why === undefined ? labels.reconnecting : labels.reconnectingWhy(explain(state.code, why));
      return { ...words, status: labels.reconnectingShort, message, announcement: message };
    }
    case 'ended': {
      const [title, message] = [titleFor(state.code, labels), explain(state.code, state.message)];
      return { status: labels.stoppedShort, title, message, code: state.code, announcement: `${title}. ${message}` };
    }
  }
}

function titleFor(code: string, labels: Labels): string {
  return labels[TITLES[code] ?? 'gameStopped'];
}
