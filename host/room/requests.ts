import { PAD_COUNT, REPLY_TEXT } from '../../renderer/contract/abi.ts';
import type { Notice } from '../base/protocol.ts';
import { cleanText, type RumbleEffect, type TextRequest } from '../base/requests.ts';
import { type Milli, milli } from '../base/time.ts';
import type { Instance } from '../engine/engine.ts';

/** Shortest time between two effects that a page gets for one gamepad. In between, only the newest is kept. */
const RUMBLE_INTERVAL_MS = 50;
/** Shortest time between two requests for a text that a page gets. */
const TEXT_INTERVAL_MS = 250;
const NEVER = milli(Number.NEGATIVE_INFINITY);

export interface SeatRequestsOptions {
  /** Sends a notice to the player's page, if it is connected. */
  notify(notice: Notice): void;
  /** Returns the running module, which gets the text. */
  instance(): Pick<Instance, 'write' | 'reply'>;
}

/**
 * The requests of the game to the player of one seat: to feel a gamepad rumble, and to enter a text. A page gets so few of these requests that
 * a game cannot flood it. The text stays requested while the player's connection is lost.
 */
export class SeatRequests {
  readonly #options: SeatRequestsOptions;
  /** For each gamepad the newest effect that the page has not got yet, and when it got the last one. */
  readonly #effects: (RumbleEffect | undefined)[] = new Array(PAD_COUNT).fill(undefined);
  readonly #rumbledAt: Milli[] = new Array(PAD_COUNT).fill(NEVER);
  /** The text that the game waits for. Its number tells the page's answers to earlier requests from those to this one. */
  #text: TextRequest | undefined;
  #number = 0;
  /** The number of the request that the page shows; 0 for none. */
  #shown = 0;
  #shownAt: Milli = NEVER;

  constructor(options: SeatRequestsOptions) {
    this.#options = options;
  }

  rumble(effect: RumbleEffect): void {
    this.#effects[effect.pad] = effect;
  }

  requestText(request: TextRequest): void {
    this.#reply(undefined);
    this.#text = request;
    this.#number++;
  }

  /** Ends the entry of the text, as if the player had cancelled it. */
  endText(): void {
    this.#reply(undefined);
  }

  /** Takes the player's answer to a request. @param text undefined if the player has cancelled it */
  answer(number: number, text: string | undefined): void {
    if (this.#text === undefined || number !== this.#number) return;
    this.#shown = 0;
    this.#reply(text);
  }

  /** Sends the page what is due. */
  flush(now: Milli): void {
    for (let pad = 0; pad < PAD_COUNT; pad++) {
      const effect = this.#effects[pad];
      if (effect === undefined || now - (this.#rumbledAt[pad] ?? 0) < RUMBLE_INTERVAL_MS) continue;
      this.#effects[pad] = undefined;
      this.#rumbledAt[pad] = now;
      this.#options.notify({ kind: 'rumble', ...effect });
    }
    const wanted = this.#text ? this.#number : 0;
    if (this.#shown === wanted) return;
    if (this.#text === undefined) this.#hide();
    else if (now - this.#shownAt >= TEXT_INTERVAL_MS) {
      const { prompt, initial, lengthMax } = this.#text;
      this.#shown = wanted;
      this.#shownAt = now;
      this.#options.notify({ kind: 'text', number: wanted, prompt, initial, lengthMax });
    }
  }

  /** Forgets effects, and shows the request for a text again, because the player has another connection, or none. */
  renew(): void {
    this.#effects.fill(undefined);
    this.#shown = 0;
    this.#shownAt = NEVER;
  }

  /** Ends all requests without answers, because another module takes the place of the one that made them. */
  drop(): void {
    this.#effects.fill(undefined);
    this.#text = undefined;
    if (this.#shown !== 0) this.#hide();
  }

  #hide(): void {
    this.#options.notify({ kind: 'text-end', number: this.#shown });
    this.#shown = 0;
  }

  /** Answers the module's request, if there is one. */
  #reply(text: string | undefined): void {
    if (this.#text === undefined) return;
    const { token, address, lengthMax } = this.#text;
    this.#text = undefined;
    answerText(this.#options.instance(), {
      token,
      address,
      text: text === undefined ? text : cleanText(text, lengthMax),
    });
  }
}

/** Answers a module's request for a text. @param answer.text undefined if there is none */
export function answerText(
  instance: Pick<Instance, 'write' | 'reply'>,
  { token, address, text }: { token: number; address: number; text: string | undefined },
): void {
  const bytes = new TextEncoder().encode(text ?? '');
  if (bytes.length > 0) instance.write(address, bytes);
  instance.reply([REPLY_TEXT, token, text === undefined ? 0 : 1, bytes.length]);
}
