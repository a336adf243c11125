/** How often the page asks whether the line to the server is back. */
const ASK_MS = 100;
/** A browser opens few connections to one server at a time, so the page gives up its oldest question for a further one. */
const QUESTIONS_MAX = 4;

/**
 * Watches a line that seems dead. A request whose packets were lost is stuck, because the system sends them again only after seconds.
 * The probe asks the server short questions meanwhile, each over a connection of its own. An answer after a time without one says
 * that the line is back, and requests from before are best sent again.
 */
export class LineProbe {
  readonly #url: string;
  readonly #onReturn: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #questions: AbortController[] = [];
  /** Whether the line seems dead. */
  #isDead = true;

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
    if (length > 0) this.#isDead = true;
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
    if (!this.#isDead) return;
    this.#isDead = false;
    this.#onReturn();
  }
}
