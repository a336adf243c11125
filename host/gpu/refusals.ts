import { NearlightError } from '../base/errors.ts';
import { COMMAND_NAMES } from './decode.ts';
import type { Reader } from './reader.ts';

const LABEL_CHARS_MAX = 64;

/** Names the current command for a message: its number, its name and its label. */
export function placeOf(reader: Reader): string {
  const { index, label } = reader;
  if (reader.ended) return `end of the stream after ${index} commands`;
  const { opcode } = reader;
  const quoted = label === '' ? '' : ` ${JSON.stringify(label.slice(0, LABEL_CHARS_MAX))}`;
  return `command ${index} (${COMMAND_NAMES.get(opcode) ?? `opcode ${opcode}`}${quoted})`;
}

/** Remembers the first error that the GPU found in a room's commands. Later ones often only follow from it. */
export class Refusals {
  readonly #reader: Reader;
  #first: NearlightError | undefined;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  get first(): NearlightError | undefined {
    return this.#first;
  }

  /** Takes an error of the current command. */
  add(error: unknown): void {
    this.#add(placeOf(this.#reader), error);
  }

  /** Returns a function that takes an error of the command that is current now. It may be called later. */
  forCommand(): (error: unknown) => void {
    const place = placeOf(this.#reader);
    return (error) => this.#add(place, error);
  }

  /** @throws NearlightError NL_GPU_VALIDATION if the GPU has refused a command */
  check(): void {
    if (this.#first) throw this.#first;
  }

  #add(place: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#first ??= new NearlightError('NL_GPU_VALIDATION', `${place}: ${message}`);
  }
}
