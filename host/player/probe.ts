import { systemClock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';
import { knock } from './knock.ts';

/** The pause between two looks at the line. It grows with the time that the line has been dead, by this part of it. */
const LOOK_MS_MIN = 100;
const LOOK_MS_MAX = 1000;
const LOOK_PART = 1 / 200;
/** The pause after an answer. The page connects meanwhile. */
const ANSWERED_MS = 500;
/**
 * Knocks and questions that were not answered within this time are given up. An answer takes several round trips. If these are known,
 * the time is shorter at first, and grows with the time that the line has been dead, because it may be another line now.
 */
const ANSWER_MS_MAX = 2000;
const ANSWER_MS_MIN = 400;
const ANSWER_ROUND_TRIPS = 4;
const ANSWER_PART = 1 / 10;
/**
 * A browser opens few connections to one server at a time, so the page gives up a question for a further one. It keeps the oldest,
 * because the line may be one on which an answer takes long.
 */
const QUESTIONS_MAX = 4;
/** The pause between the closings of two connections of knocks. */
const CLOSE_MS = 300;
/** A line without an answer for this time was dead. Shorter pauses may be round trips. */
const DEAD_MS = 1000;

/**
 * Watches a line that seems dead. A request whose packets were lost is stuck, because the system sends them again only after seconds.
 * The probe knocks at the server meanwhile, each time over a connection of its own. In browsers that cannot knock, it asks the server a
 * short question. The first answer after a time without one says that the line is alive, and requests from before are best sent again.
 * A knock is also answered by a network that refuses all connections, so this says nothing about the server.
 */
export class LineProbe {
  readonly #url: string;
  readonly #onReturn: () => void;
  readonly #roundTripMs: number;
  readonly #server: URL | undefined;
  readonly #beganAt = systemClock.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Questions without an answer, the oldest first. */
  readonly #questions: { abort: AbortController; askedAt: Milli }[] = [];
  /** Knocks without an answer, the oldest first. */
  readonly #knocks: { peer: RTCPeerConnection; knockedAt: Milli }[] = [];
  /** Connections of knocks that have ended, and the timer that closes them. */
  readonly #ended: RTCPeerConnection[] = [];
  #closing: ReturnType<typeof setInterval> | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;

  /**
   * @param url URL that the server answers with little work
   * @param roundTripMs round trip of the line before it died; NaN if that is not known
   */
  constructor(url: string, onReturn: () => void, roundTripMs = Number.NaN) {
    this.#url = url;
    this.#roundTripMs = roundTripMs;
    this.#onReturn = onReturn;
    const base = globalThis.location?.href;
    if (URL.canParse(url, base)) this.#server = new URL(url, base);
    this.#look();
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const { abort } of this.#questions.splice(0)) abort.abort();
    this.#endKnocks();
  }

  /**
   * Ends all knocks. Their connections are closed one by one, because the page stands still for some milliseconds each time, and has
   * to connect now.
   */
  #endKnocks(): void {
    for (const { peer } of this.#knocks.splice(0)) {
      peer.onicecandidateerror = null;
      this.#ended.push(peer);
    }
    if (this.#ended.length > 0) this.#closing ??= setInterval(() => this.#closeOne(), CLOSE_MS);
  }

  #closeOne(): void {
    this.#ended.shift()?.close();
    if (this.#ended.length > 0) return;
    clearInterval(this.#closing);
    this.#closing = undefined;
  }

  #look(): void {
    const pauseMs = (systemClock.now() - this.#beganAt) * LOOK_PART;
    this.#schedule(Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, pauseMs)));
    this.#giveUpOld();
    if (!this.#knock()) void this.#ask();
  }

  #schedule(pauseMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), pauseMs);
  }

  /** An answer that takes longer is not waited for. */
  get #answerMs(): number {
    if (Number.isNaN(this.#roundTripMs)) return ANSWER_MS_MAX;
    const deadMs = systemClock.now() - this.#beganAt;
    return Math.min(ANSWER_MS_MAX, ANSWER_MS_MIN + ANSWER_ROUND_TRIPS * this.#roundTripMs + deadMs * ANSWER_PART);
  }

  #giveUpOld(): void {
    const since = systemClock.now() - this.#answerMs;
    while ((this.#questions[0]?.askedAt ?? since) < since) this.#questions.shift()?.abort.abort();
  }

  /** @returns whether this browser can knock */
  #knock(): boolean {
    if (!this.#server) return false;
    const now = systemClock.now();
    const isOld = (this.#knocks[0]?.knockedAt ?? now) < now - this.#answerMs;
    const used = isOld ? this.#knocks.shift()?.peer : undefined;
    const peer = knock(this.#server, () => this.#onAnswer(), used);
    if (!peer) return false;
    this.#knocks.push({ peer, knockedAt: now });
    return true;
  }

  /** Asks over connections other than those of other requests, which may be stuck. */
  async #ask(): Promise<void> {
    if (this.#questions.length >= QUESTIONS_MAX) this.#questions.splice(1, 1)[0]?.abort.abort();
    const question = { abort: new AbortController(), askedAt: systemClock.now() };
    this.#questions.push(question);
    const { signal } = question.abort;
    try {
      await fetch(this.#url, { method: 'GET', cache: 'no-store', credentials: 'omit', signal });
      if (!signal.aborted) this.#onAnswer();
    } catch {
      // The line is still dead.
    } finally {
      remove(this.#questions, question);
    }
  }

  #onAnswer(): void {
    // All others would only say the same.
    this.#endKnocks();
    this.#schedule(ANSWERED_MS);
    const wasDead = systemClock.now() - this.#answeredAt > DEAD_MS;
    this.#answeredAt = milli(systemClock.now());
    if (wasDead) this.#onReturn();
  }
}

function remove<T>(entries: T[], entry: T): void {
  const index = entries.indexOf(entry);
  if (index >= 0) entries.splice(index, 1);
}
