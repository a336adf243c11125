import { systemClock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';
import { close, knock } from './knock.ts';

/** The pause between two looks at the line. It grows with the time that the line has been dead, by this part of it. */
const LOOK_MS_MIN = 100;
const LOOK_MS_MAX = 1000;
const LOOK_PART = 1 / 200;
/** Knocks and questions that were not answered within this time are given up. An answer takes several round trips. */
const ANSWER_MS_MAX = 2000;
/**
 * A browser opens few connections to one server at a time, so the page gives up a question for a further one. It keeps the oldest,
 * because the line may be one on which an answer takes long.
 */
const QUESTIONS_MAX = 4;
/** A line without an answer for this time was dead. Shorter pauses may be round trips. */
const DEAD_MS = 1000;

/**
 * Watches a line that seems dead. A request whose packets were lost is stuck, because the system sends them again only after seconds.
 * The probe knocks at the server meanwhile, each time over a connection of its own, and asks it a short question when a knock was
 * answered. In browsers that cannot knock, it asks all the time. The first answer after a time without one says that the line is
 * back, and requests from before are best sent again.
 */
export class LineProbe {
  readonly #url: string;
  readonly #onReturn: () => void;
  readonly #server: URL | undefined;
  readonly #beganAt = systemClock.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Questions without an answer, the oldest first. */
  readonly #questions: { abort: AbortController; askedAt: Milli }[] = [];
  /** Knocks without an answer, the oldest first. */
  readonly #knocks: { peer: RTCPeerConnection; knockedAt: Milli }[] = [];
  #answeredAt = Number.NEGATIVE_INFINITY;

  /** @param url URL that the server answers with little work */
  constructor(url: string, onReturn: () => void) {
    this.#url = url;
    this.#onReturn = onReturn;
    const base = globalThis.location?.href;
    if (URL.canParse(url, base)) this.#server = new URL(url, base);
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const { abort } of this.#questions.splice(0)) abort.abort();
    this.#endKnocks();
  }

  #endKnocks(): void {
    for (const { peer } of this.#knocks.splice(0)) close(peer);
  }

  #schedule(): void {
    const pauseMs = (systemClock.now() - this.#beganAt) * LOOK_PART;
    this.#timer = setTimeout(() => this.#look(), Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, pauseMs)));
  }

  #look(): void {
    this.#schedule();
    this.#giveUpOld();
    if (!this.#knock()) void this.#ask({ credentials: 'omit' });
  }

  #giveUpOld(): void {
    const since = systemClock.now() - ANSWER_MS_MAX;
    while ((this.#questions[0]?.askedAt ?? since) < since) this.#questions.shift()?.abort.abort();
  }

  /** @returns whether this browser can knock */
  #knock(): boolean {
    if (!this.#server) return false;
    const now = systemClock.now();
    const isOld = (this.#knocks[0]?.knockedAt ?? now) < now - ANSWER_MS_MAX;
    const onAnswer = () => {
      // The line is alive, or the network refuses everything. All others would only say the same.
      this.#endKnocks();
      if (this.#questions.length < 2) void this.#ask({});
    };
    const peer = knock(this.#server, onAnswer, isOld ? this.#knocks.shift()?.peer : undefined);
    if (!peer) return false;
    this.#knocks.push({ peer, knockedAt: now });
    return true;
  }

  /** @param options how to ask: over connections of its own if the line may be dead */
  async #ask(options: Pick<RequestInit, 'credentials'>): Promise<void> {
    if (this.#questions.length >= QUESTIONS_MAX) this.#questions.splice(1, 1)[0]?.abort.abort();
    const question = { abort: new AbortController(), askedAt: systemClock.now() };
    this.#questions.push(question);
    const { signal } = question.abort;
    try {
      await fetch(this.#url, { method: 'GET', cache: 'no-store', ...options, signal });
      if (!signal.aborted) this.#onAnswer();
    } catch {
      // The line is still dead.
    } finally {
      remove(this.#questions, question);
    }
  }

  #onAnswer(): void {
    const wasDead = systemClock.now() - this.#answeredAt > DEAD_MS;
    this.#answeredAt = milli(systemClock.now());
    if (wasDead) this.#onReturn();
  }
}

function remove<T>(entries: T[], entry: T): void {
  const index = entries.indexOf(entry);
  if (index >= 0) entries.splice(index, 1);
}
