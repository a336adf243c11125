import { type ErrorCode, NearlightError } from '../base/errors.ts';
import type { TrapFrame } from '../engine/engine.ts';
import { commandNames, mentions } from './decode.ts';
import type { Reader } from './reader.ts';
import type { Tables } from './table.ts';

/** Gives the functions of the module that ran when it wrote its n-th command of a call, the innermost first. */
export type Origin = (command: number) => readonly TrapFrame[];

/** A command that is being executed. */
export interface Place {
  text: string;
  frames(): readonly TrapFrame[];
}

/** A command that the contract or the GPU refuses, with the place in the module that wrote it, if that is known. */
export class RefusedError extends NearlightError {
  readonly frames: readonly TrapFrame[];
  constructor(code: ErrorCode, place: Place, detail: string, options?: ErrorOptions) {
    super(code, `${place.text}: ${detail}`, options);
    this.frames = place.frames();
  }
}

/** Longer labels are cut in messages. */
const LABEL_CHARS_MAX = 64;

/**
 * Describes the command that `reader` stands at: its index, its name, its own label or those of the objects that it uses,
 * and the pass it belongs to. Reads nothing but the command's own words, which may be malformed.
 */
export function describeCommand(reader: Reader, tables: Tables, passLabel: string): string {
  const { index, opcode, ended } = reader;
  if (ended) return `end of the stream after ${index} commands`;
  const name = commandNames.get(opcode) ?? `opcode ${opcode}`;
  const own = ownLabel(reader);
  const used = own === '' ? usedLabels(reader, tables) : '';
  const pass = passLabel === '' ? '' : `, in pass ${quote(passLabel)}`;
  return `command ${index} (${name}${own}${used}${pass})`;
}

function ownLabel(reader: Reader): string {
  const { words, at, opcode, end } = reader;
  const found = mentions.get(opcode);
  if (!found || found.label === 0 || at + found.text > end || end > words.length) return '';
  const start = words.byteOffset + 4 * (at + found.text);
  const byteLength = Math.min(words[at + found.label]!, 4 * (end - at - found.text));
  const text = new TextDecoder().decode(new Uint8Array(words.buffer, start, byteLength));
  return text === '' ? '' : ` ${quote(text)}`;
}

function usedLabels({ words, at, opcode, end }: Reader, tables: Tables): string {
  if (end > words.length) return '';
  const parts: string[] = [];
  for (const [word, name, kind] of mentions.get(opcode)?.ids ?? []) {
    if (at + word >= end) break;
    const label = tables[kind].find(words[at + word]!)?.gpu?.label;
    if (label) parts.push(`, ${name} ${quote(label)}`);
  }
  return parts.join('');
}

function quote(label: string): string {
  return JSON.stringify(label.slice(0, LABEL_CHARS_MAX));
}
