import { type ErrorCode, NearlightError } from '../base/errors.ts';
import type { TrapFrame } from '../engine/engine.ts';
import type { Bindings } from './bindings.ts';
import { COMMAND_NAMES, MENTIONS } from './decode.ts';
import type { Reader } from './reader.ts';
import type { Tables } from './table.ts';
import { u32 } from './words.ts';

/** Returns the call stack of the module when it wrote command number `command` of a call, the innermost function first. */
export type Origin = (command: number) => readonly TrapFrame[];

/** Names a GPU command of a module, for error messages. */
export interface Place {
  text: string;
  /** The functions of the module that ran when it wrote the command; none if that is not known. */
  frames(): readonly TrapFrame[];
}

/** Thrown when a command of a module breaks the contract or is refused by the GPU. */
export class RefusedError extends NearlightError {
  /** The functions of the module that ran when it wrote the command; none if that is not known. */
  readonly frames: readonly TrapFrame[];
  constructor(code: ErrorCode, place: Place, detail: string, options?: ErrorOptions) {
    super(code, `${place.text}: ${detail}`, options);
    this.frames = place.frames();
  }
}

/** The most characters of a GPU object's label that an error message shows. */
const LABEL_CHARS_MAX = 64;

/** Names one call of a module's export, for error messages. */
export interface Call {
  /** The export of the module that was called, such as `render`. */
  readonly call?: string;
  readonly origin?: Origin | undefined;
}

export interface PlacesOptions {
  reader: Reader;
  tables: Tables;
  bindings: Bindings;
}

/** Names the GPU command that is being executed, for error messages. */
export class Places {
  readonly #options: PlacesOptions;
  #call: Call = {};

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** Sets the call of the module that the following commands come from. */
  begin(call: Call): void {
    this.#call = call;
  }

  /** Names the command that is being executed now. */
  get current(): Place {
    const { reader, tables, bindings } = this.#options;
    const { call, origin } = this.#call;
    const { index } = reader;
    const command = describeCommand(reader, tables, bindings.open?.label ?? '');
    return {
      text: call ? `${command} in ${call}` : command,
      frames: () => origin?.(index) ?? [],
    };
  }
}

/**
 * Describes the current command for error messages: its number, its name, its own label or those of the objects that it uses,
 * and the pass that it belongs to. Reads only words of the command itself, which may be malformed.
 */
function describeCommand(reader: Reader, tables: Tables, passLabel: string): string {
  const { index, ended } = reader;
  if (ended) return `end of the stream after ${index} commands`;
  const { opcode } = reader;
  const name = COMMAND_NAMES.get(opcode) ?? `opcode ${opcode}`;
  const own = ownLabel(reader);
  const used = own === '' ? usedLabels(reader, tables) : '';
  const pass = passLabel === '' ? '' : `, in pass ${quote(passLabel)}`;
  return `command ${index} (${name}${own}${used}${pass})`;
}

/** Index of the word after the current command; of its first word if its length reaches beyond the command stream. */
function endOf({ words, at }: Reader): number {
  const end = at + (u32(words, at) >>> 16);
  return end > words.length ? at : end;
}

function ownLabel(reader: Reader): string {
  const { words, at, opcode } = reader;
  const end = endOf(reader);
  const { label = 0, text = 0 } = MENTIONS.get(opcode) ?? {};
  if (label === 0 || at + text > end) return '';
  const start = words.byteOffset + 4 * (at + text);
  const byteLength = Math.min(u32(words, at + label), 4 * (end - at - text));
  const found = decodeText(new Uint8Array(words.buffer, start, byteLength));
  return found === '' ? '' : ` ${quote(found)}`;
}

/** The text of UTF-8 bytes; '' if they are not valid UTF-8. */
function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return '';
  }
}

function usedLabels(reader: Reader, tables: Tables): string {
  const { words, at, opcode } = reader;
  const end = endOf(reader);
  const parts: string[] = [];
  for (const [word, name, kind] of MENTIONS.get(opcode)?.ids ?? []) {
    if (at + word >= end) break;
    const label = tables[kind].find(u32(words, at + word))?.gpu?.label;
    if (label) parts.push(`, ${name} ${quote(label)}`);
  }
  return parts.join('');
}

function quote(label: string): string {
  return JSON.stringify(label.slice(0, LABEL_CHARS_MAX));
}
