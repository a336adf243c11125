/** How often the page asks whether the line to the server is back. */
const ASK_MS = 150;
/** A browser opens few connections to one server at a time, so the page gives up its oldest question for a further one. */
const QUESTIONS_MAX = 3;

/**
 * Watches a request that may be stuck: its packets were lost, and the system sends them again only after seconds. The probe asks
 * the server short questions meanwhile, each over a connection of its own. If an answer comes after an earlier question got none,
 * the line was dead and is back.
 */
export class LineProbe {
  readonly #url: string;
  readonly #onReturn: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #questions: AbortController[] = [];
  #missed = 0;

  /** @param url URL that the server answers with little work */
  constructor(url: string, onReturn: () => void) {
    this.#url = url;
    this.#onReturn = onReturn;
    this.#timer = setInterval(() => void this.#ask(), ASK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const question of this.#questions.splice(0)) question.abort();
  }

  async #ask(): Promise<void> {
    const { length } = this.#questions;
    if (length > 0) this.#missed++;
    if (length >= QUESTIONS_MAX) this.#questions.shift()?.abort();
    const question = new AbortController();
    this.#questions.push(question);
    try {
      await fetch(this.#url, { method: 'GET', cache: 'no-store', signal: question.signal });
    } catch {
      return;
    }
    if (question.signal.aborted) return;
    this.#questions.splice(this.#questions.indexOf(question), 1);
    if (this.#missed === 0) return;
    this.stop();
    this.#onReturn();
  }
}
