import { cleanText } from '../base/requests.ts';

/** A text that the page asks the player to enter. */
export type TextQuestion = {
  /** The host's number of the request. */
  number: number;
  /** Says what to enter. */
  prompt: string;
  /** Text that the player can change. */
  initial: string;
  /** Most UTF-16 units of the text. */
  lengthMax: number;
};

export type TextEntryOptions = {
  /** The element to which the form is added. It may be in a shadow root. */
  container: HTMLElement | ShadowRoot;
  /** Returns the labels of the buttons. Default: English ones */
  labels?(): { submit: string; cancel: string };
  /** Called when the form opens or closes. Keys belong to it while it is open. */
  onToggle(isOpen: boolean): void;
  /** Called with the text that the player has entered; undefined if the player has cancelled. */
  onAnswer(number: number, text: string | undefined): void;
};

/**
 * A form in which the player enters one line of text. It has a real input element, so input methods, the keyboards of phones and
 * pasting work. Enter submits it, and Escape cancels it.
 */
export class TextEntry {
  readonly #options: TextEntryOptions;
  readonly #form = document.createElement('form');
  readonly #label = document.createElement('label');
  readonly #prompt = document.createElement('span');
  readonly #field = document.createElement('input');
  readonly #submit = button('submit');
  readonly #cancel = button('reset');
  #question: TextQuestion | undefined;
  /** The text that the player was entering when the form was closed, which goes on if the host asks the same again. */
  #draft: { number: number; prompt: string; text: string } | undefined;

  constructor(options: TextEntryOptions) {
    this.#options = options;
    const form = this.#form;
    form.className = 'text-entry';
    form.hidden = true;
    Object.assign(this.#field, { type: 'text', autocomplete: 'off', spellcheck: false, enterKeyHint: 'done' });
    this.#label.append(this.#prompt, this.#field);
    form.append(this.#label, this.#submit, this.#cancel);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#answer(this.#field.value);
    });
    form.addEventListener('reset', (event) => {
      event.preventDefault();
      this.#answer(undefined);
    });
    form.addEventListener('keydown', (event) => {
      // The page's own listeners must not take the keys of a text for commands.
      event.stopPropagation();
      // While an input method is composing, Escape ends the composition.
      if (event.code === 'Escape' && !event.isComposing) this.#answer(undefined);
    });
    options.container.append(form);
  }

  get isOpen(): boolean {
    return this.#question !== undefined;
  }

  /** Asks the player for a text, in place of an earlier question. */
  open(question: TextQuestion): void {
    const { number, prompt, initial, lengthMax } = question;
    const draft = this.#draft?.number === number && this.#draft.prompt === prompt ? this.#draft.text : undefined;
    const wasOpen = this.isOpen;
    this.#question = question;
    this.#draft = undefined;
    const { submit, cancel } = this.#options.labels?.() ?? { submit: 'OK', cancel: 'Cancel' };
    this.#submit.textContent = submit;
    this.#cancel.textContent = cancel;
    this.#prompt.textContent = prompt;
    this.#field.maxLength = lengthMax;
    this.#field.value = draft ?? initial;
    this.#form.hidden = false;
    if (!wasOpen) this.#options.onToggle(true);
    this.#field.focus();
    this.#field.select();
  }

  /** Closes the form without an answer, because the host no longer waits for one or is not there. */
  close(): void {
    const question = this.#question;
    if (!question) return;
    this.#draft = { number: question.number, prompt: question.prompt, text: this.#field.value };
    this.#hide();
  }

  detach(): void {
    this.close();
    this.#form.remove();
  }

  #answer(text: string | undefined): void {
    const question = this.#question;
    if (!question) return;
    const { number, prompt, lengthMax } = question;
    // If the connection is lost before the answer arrives, the host asks again.
    this.#draft = { number, prompt, text: text ?? question.initial };
    this.#hide();
    this.#options.onAnswer(number, text === undefined ? undefined : cleanText(text, lengthMax));
  }

  #hide(): void {
    this.#question = undefined;
    this.#form.hidden = true;
    this.#field.blur();
    this.#options.onToggle(false);
  }
}

function button(type: 'submit' | 'reset'): HTMLButtonElement {
  return Object.assign(document.createElement('button'), { type });
}
