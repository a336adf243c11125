import { PAD_COUNT, REPLY_TEXT, RUMBLE_MS_MAX, SEATS_MAX, TEXT_LENGTH_MAX } from '../../renderer/contract/abi.ts';
import type { PlayerCommands } from './decode.ts';
import type { Notices } from './notices.ts';
import { Fault } from './reader.ts';
import type { Replies } from './replies.ts';

/** The most requests to players that one call of a module may make. */
const REQUESTS_MAX = 256;

export interface PlayerRequestsOptions {
  notices: Pick<Notices, 'rumble' | 'text' | 'endText'>;
  replies: Pick<Replies, 'send'>;
}

/** Checks a module's requests to its players, and passes them to the observer of the replay. They do not use the GPU. */
export class PlayerRequests implements PlayerCommands {
  readonly #options: PlayerRequestsOptions;
  #requests = 0;

  constructor(options: PlayerRequestsOptions) {
    this.#options = options;
  }

  /** Resets the count of requests, because the next call of the module begins. */
  begin(): void {
    this.#requests = 0;
  }

  rumble(seat: number, pad: number, strong: number, weak: number, milliseconds: number): void {
    this.#count(seat);
    if (pad >= PAD_COUNT) throw new Fault(`there is no gamepad ${pad}; a player has ${PAD_COUNT}, counted from 0`);
    for (const strength of [strong, weak])
      if (strength < 0 || strength > 1) throw new Fault(`the strength ${strength} of a motor is not between 0 and 1`);
    if (milliseconds > RUMBLE_MS_MAX)
      throw new Fault(`${milliseconds} ms are more than ${RUMBLE_MS_MAX} (RUMBLE_MS_MAX)`);
    this.#options.notices.rumble(seat, { pad, strong, weak, milliseconds });
  }

  requestText(seat: number, token: number, address: number, lengthMax: number, prompt: string, initial: string): void {
    this.#count(seat);
    if (lengthMax === 0 || lengthMax > TEXT_LENGTH_MAX)
      throw new Fault(`the length limit ${lengthMax} of a text is not between 1 and ${TEXT_LENGTH_MAX}`);
    if (prompt.length > TEXT_LENGTH_MAX) throw new Fault(`a prompt has more than ${TEXT_LENGTH_MAX} characters`);
    if (initial.length > lengthMax)
      throw new Fault(`the initial text is longer than the ${lengthMax} characters allowed`);
    const isTaken = this.#options.notices.text(seat, { token, address, lengthMax, prompt, initial });
    // Without players, as in a replay of a recording, no one can enter a text.
    if (!isTaken) this.#options.replies.send(REPLY_TEXT, token, 0, 0);
  }

  cancelText(seat: number): void {
    this.#count(seat);
    this.#options.notices.endText(seat);
  }

  #count(seat: number): void {
    if (seat >= SEATS_MAX) throw new Fault(`there is no seat ${seat}`);
    if (++this.#requests > REQUESTS_MAX)
      throw new Fault(`one call makes more than ${REQUESTS_MAX} requests to players`);
  }
}
