import { cleanText, type RumbleEffect, type TextRequest } from '../base/requests.ts';
import type { Instance } from '../engine/engine.ts';
import type { ReplayObserver } from '../gpu/replay.ts';
import { answerText } from '../room/requests.ts';

/** A text that a game waits for. */
export type Question = Pick<TextRequest, 'prompt' | 'initial' | 'lengthMax'>;

/** The requests of a game in a test to its players. */
export class TestRequests {
  /** Takes the game's requests from its replay. */
  readonly observer: Partial<ReplayObserver> = {
    onRumble: (seat, effect) => this.rumbles(seat).push(effect),
    onText: (seat, request) => {
      this.answer(seat, undefined);
      this.#questions.set(seat, request);
    },
    onTextEnd: (seat) => this.answer(seat, undefined),
  };
  readonly #instance: Instance;
  readonly #rumbles = new Map<number, RumbleEffect[]>();
  readonly #questions = new Map<number, TextRequest>();

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  rumbles(seat: number): RumbleEffect[] {
    const effects = this.#rumbles.get(seat) ?? [];
    this.#rumbles.set(seat, effects);
    return effects;
  }

  question(seat: number): Question | undefined {
    const request = this.#questions.get(seat);
    return request && { prompt: request.prompt, initial: request.initial, lengthMax: request.lengthMax };
  }

  /** Answers the question that a player was asked, if there is one. @param text undefined to cancel */
  answer(seat: number, text: string | undefined): void {
    const request = this.#questions.get(seat);
    if (!request) return;
    this.#questions.delete(seat);
    answerText(this.#instance, { ...request, text: text === undefined ? text : cleanText(text, request.lengthMax) });
  }
}
