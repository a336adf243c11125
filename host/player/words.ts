import type { Labels } from './labels.ts';
import type { PlayerState } from './state.ts';

/** Headlines for the player by error code. The message below the headline says more. */
const TITLES: Readonly<Record<string, 'cannotPlay' | 'elsewhere' | 'notAvailable'>> = {
  NL_BROWSER: 'cannotPlay',
  NL_HOST: 'notAvailable',
  NL_OFFER: 'cannotPlay',
  NL_REQUEST: 'notAvailable',
  NL_SEAT_IN_USE: 'elsewhere',
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
  /** For the button of the card, which is shown when the page has stopped. */
  retry: string;
  /** For a screen reader. */
  announcement: string;
};

export type WordsOptions = {
  game?: string | undefined;
  spectates: boolean;
  labels: Labels;
  /** Translates a message of the client. */
  translate(text: string): string;
};

/** Returns the words for a state. */
export function wordsOf(state: PlayerState, { game, spectates, labels, translate }: WordsOptions): Words {
  const words = { title: '', message: '', code: '', retry: labels.retry };
  switch (state.kind) {
    case 'idle':
      return { ...words, status: labels.notConnected, announcement: labels.notConnected };
    case 'connecting': {
      const waiting = state.attempt > 1 ? labels.connectingAgain(state.attempt) : labels.connectingLong;
      const message = state.message === undefined ? waiting : translate(state.message);
      const status = labels.connectingShort;
      if (state.code === undefined) return { ...words, status, message, announcement: message };
      const code = state.status === undefined ? state.code : `${state.code} · HTTP ${state.status}`;
      return { ...words, status, title: labels.notAvailable, message, code, announcement: message };
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
      const message = why === undefined ? labels.reconnecting : labels.reconnectingWhy(translate(why));
      return { ...words, status: labels.reconnectingShort, message, announcement: message };
    }
    case 'ended': {
      const { code } = state;
      const isElsewhere = code === 'NL_SEAT_IN_USE';
      const title = labels[TITLES[code] ?? 'gameStopped'];
      const message = isElsewhere ? labels.elsewhereLong : translate(state.message);
      const retry = isElsewhere ? labels.playHere : labels.retry;
      return { status: labels.stoppedShort, title, message, code, retry, announcement: `${title}. ${message}` };
    }
  }
}
