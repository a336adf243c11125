import type { Notice } from '../base/protocol.ts';
import type { PageInput } from './input.ts';
import { Rumble } from './rumble.ts';
import { TextEntry, type TextEntryOptions } from './text-entry.ts';
import type { InputWriter } from './writer.ts';

export type PageRequestsOptions = {
  input: PageInput;
  writer: InputWriter;
  /** The element to which the form for a text is added. */
  container: HTMLElement | ShadowRoot;
  /** Whether the player uses a touch screen. */
  isTouch(): boolean;
  /** See TextEntryOptions. */
  labels?: TextEntryOptions['labels'];
  /** Called when the form for a text closes, so that the game can have the focus again. */
  onClosed?(): void;
};

/** Does what the game asks of the player's page: shakes gamepads and asks for texts. Ends both when the game is not being played. */
export class PageRequests {
  readonly #rumble: Rumble;
  readonly #entry: TextEntry;
  readonly #listeners = new AbortController();

  constructor({ input, writer, container, isTouch, labels, onClosed }: PageRequestsOptions) {
    this.#rumble = new Rumble({ gamepads: input.gamepads, isTouch });
    this.#entry = new TextEntry({
      container,
      ...(labels ? { labels } : {}),
      onToggle: (isOpen) => {
        input.pause(isOpen);
        if (!isOpen) onClosed?.();
      },
      onAnswer: (number, text) => writer.text(number, text),
    });
    const { signal } = this.#listeners;
    this.#rumble.pause(document.hidden);
    document.addEventListener('visibilitychange', () => this.#rumble.pause(document.hidden), { signal });
    addEventListener('pagehide', () => this.#rumble.stop(), { signal });
  }

  /** Takes a notice of the host. Those that concern something else have no effect, except that a pause ends all requests. */
  onNotice(notice: Notice): void {
    if (notice.kind === 'rumble') this.#rumble.play(notice);
    else if (notice.kind === 'text') this.#entry.open(notice);
    else if (notice.kind === 'text-end' || notice.kind === 'paused') this.#entry.close();
    if (notice.kind === 'paused') this.#rumble.stop();
  }

  /** Ends all requests, because the connection was lost or the player has left. The host repeats those that go on. */
  stop(): void {
    this.#rumble.stop();
    this.#entry.close();
  }

  detach(): void {
    this.stop();
    this.#listeners.abort();
    this.#entry.detach();
  }
}
