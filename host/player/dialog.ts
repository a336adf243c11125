import { make, makeIcon } from './dom.ts';

export type DialogOptions = {
  /** The element or shadow root to which the dialog is added. It must be part of what is shown in full screen. */
  container: ParentNode & Node;
  /** Class of the dialog, by which it is styled. */
  name: string;
  /** Called when the dialog has closed. */
  onClose?(): void;
  /** Removes the dialog. */
  signal: AbortSignal;
};

/**
 * A dialog over the game. It has the keyboard while it is open, and gives it back when it closes: at Escape, at a click outside, or at its
 * button. Keys that are pressed in it do not reach the game, but the game still hears which ones are let go.
 */
export class Dialog {
  readonly #options: DialogOptions;
  readonly #dialog: HTMLDialogElement;

  constructor(options: DialogOptions) {
    this.#options = options;
    const { container, name, signal } = options;
    this.#dialog = make('dialog', { class: `dialog ${name}` });
    this.#dialog.addEventListener('keydown', (event) => event.stopPropagation());
    this.#dialog.addEventListener('close', () => options.onClose?.());
    this.#dialog.addEventListener('click', (event) => {
      // The dialog's content covers all of it, so only its backdrop is hit itself.
      if (event.target === this.#dialog) this.close();
    });
    container.append(this.#dialog);
    signal.addEventListener('abort', () => this.#dialog.remove());
  }

  get isOpen(): boolean {
    return this.#dialog.open;
  }

  /** Shows the dialog with new content, or replaces its content if it is open. */
  show({ title, close, content }: { title: string; close: string; content: readonly Node[] }): void {
    const button = make(
      'button',
      { type: 'button', class: 'close', 'aria-label': close },
      makeIcon('M6 6l12 12M18 6L6 18'),
    );
    button.addEventListener('click', () => this.close());
    const heading = make('h2', { id: `${this.#options.name}-title` }, title);
    this.#dialog.setAttribute('aria-labelledby', heading.id);
    this.#dialog.replaceChildren(make('div', { class: 'sheet' }, make('header', {}, heading, button), ...content));
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** Gives the focus to the first element in the dialog that a selector matches. */
  focus(selector: string): void {
    this.#dialog.querySelector<HTMLElement>(selector)?.focus();
  }

  close(): void {
    this.#dialog.close();
  }
}
