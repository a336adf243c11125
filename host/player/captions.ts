import { make } from './dom.ts';

/** How long a caption about something that has happened stays. */
const EVENT_MS = 4000;

/**
 * One line of words over the picture: about what has just happened for some seconds, and otherwise about a state that lasts.
 * Screen readers read each of them once.
 */
export class Captions {
  readonly #line = make('p', { class: 'caption', role: 'status', 'aria-live': 'polite' });
  #event: string | undefined;
  #state = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param signal removes the captions */
  constructor({ container, signal }: { container: ParentNode & Node; signal: AbortSignal }) {
    container.append(this.#line);
    signal.addEventListener('abort', () => {
      clearTimeout(this.#timer);
      this.#line.remove();
    });
    this.#update();
  }

  /** Says what has happened. A later event takes the place of an earlier one. */
  show(text: string): void {
    clearTimeout(this.#timer);
    this.#event = text;
    this.#timer = setTimeout(() => {
      this.#event = undefined;
      this.#update();
    }, EVENT_MS);
    this.#update();
  }

  /** Ends an event that no longer matters before its time is over. Other words stay. */
  withdraw(text: string): void {
    if (this.#event !== text) return;
    clearTimeout(this.#timer);
    this.#event = undefined;
    this.#update();
  }

  /** Sets the words about the state that lasts; '' for none. */
  setState(text: string): void {
    this.#state = text;
    this.#update();
  }

  #update(): void {
    const text = this.#event ?? this.#state;
    if (this.#line.textContent !== text) this.#line.textContent = text;
    this.#line.classList.toggle('empty', text === '');
    this.#line.classList.toggle('lasting', this.#event === undefined);
  }
}
