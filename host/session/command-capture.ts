import { ABI_VERSION } from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';

/**
 * A command capture (.nlc): every command stream that a module submitted from `init` up to one picture, with the asset pack
 * that the streams refer to. It lets a picture be inspected without the module. The file consists of little-endian words:
 *
 *   "NLCC", COMMAND_CAPTURE_VERSION, ABI_VERSION, width and height of the picture in pixels, the number of calls, the byte
 *   length of the asset pack, and the pack, padded to a multiple of 4 bytes. Then for each call: its kind (an index in
 *   CAPTURED_KINDS), its seat or tick, the byte lengths of its commands and of its data, the commands, and the data, padded
 *   to a multiple of 4 bytes.
 */
export const COMMAND_CAPTURE_VERSION = 1;
const MAGIC = 0x4343_4c4e;
const HEADER_WORDS = 7;
const CALL_WORDS = 4;
const SIDE_MAX = 65_535;
/** The calls of a module that a capture can contain. Their order gives their numbers in the file, so it must not change. */
export const CAPTURED_KINDS = ['init', 'restore', 'join', 'leave', 'tick', 'render', 'import'] as const;
/** Size in bytes of the largest command capture that can be read. */
export const COMMAND_CAPTURE_BYTES_MAX = 2 ** 30;

/** The commands and data that a module submitted in one call. */
export interface CapturedCall extends Submission {
  readonly kind: (typeof CAPTURED_KINDS)[number];
  /** The call's argument: a player's seat, or the number of a simulation tick; 0 if the call has neither. */
  readonly argument: number;
}

/** The calls of a game's module up to and including the one that draws the captured picture. */
export interface CommandCapture {
  /** Size of the picture in pixels. */
  readonly width: number;
  readonly height: number;
  /** The game's packed assets, which commands refer to; empty if it has none. */
  readonly assets: Uint8Array;
  readonly calls: readonly CapturedCall[];
}

/** Encodes a command capture as a file. Leaves out calls that submitted nothing, except the last. */
export function writeCommandCapture({ width, height, assets, calls: all }: CommandCapture): Uint8Array {
  const calls = all.filter(({ commands }, index) => commands.length > 0 || index === all.length - 1);
  const sizeOf = ({ commands, data }: CapturedCall) => CALL_WORDS + commands.length + Math.ceil(data.length / 4);
  const start = HEADER_WORDS + Math.ceil(assets.length / 4);
  const words = new Uint32Array(calls.reduce((total, call) => total + sizeOf(call), start));
  const bytes = new Uint8Array(words.buffer);
  words.set([MAGIC, COMMAND_CAPTURE_VERSION, ABI_VERSION, width, height, calls.length, assets.length]);
  bytes.set(assets, HEADER_WORDS * 4);
  let at = start;
  for (const call of calls) {
    const { kind, argument, commands, data } = call;
    words.set([CAPTURED_KINDS.indexOf(kind), argument, commands.byteLength, data.byteLength], at);
    words.set(commands, at + CALL_WORDS);
    bytes.set(data, (at + CALL_WORDS + commands.length) * 4);
    at += sizeOf(call);
  }
  return bytes;
}

/** Decodes a command capture. @throws NearlightError NL_RECORDING with the byte offset of the fault */
export function readCommandCapture(file: Uint8Array): CommandCapture {
  if (file.length < HEADER_WORDS * 4) throw broken(file.length, 'the file ends within its header');
  const bytes = new Uint8Array(file.subarray(0, Math.floor(file.length / 4) * 4));
  const words = new Uint32Array(bytes.buffer);
  const [magic, version, abi, width = 0, height = 0, count = 0, assetBytes = 0] = words;
  if (magic !== MAGIC) throw broken(0, 'this is not a command capture, which begins with "NLCC"');
  if (version !== COMMAND_CAPTURE_VERSION)
    throw broken(4, `the capture has version ${version}, and this program reads version ${COMMAND_CAPTURE_VERSION}`);
  if (abi !== ABI_VERSION)
    throw broken(8, `the capture uses version ${abi} of the contract, and this program uses version ${ABI_VERSION}`);
  if (width < 1 || width > SIDE_MAX || height < 1 || height > SIDE_MAX)
    throw broken(12, `a picture cannot have ${width}x${height} pixels`);
  const calls: CapturedCall[] = [];
  let at = HEADER_WORDS + Math.ceil(assetBytes / 4);
  if (at > words.length) throw broken(24, 'the asset pack extends beyond the end of the file');
  const assets = bytes.subarray(HEADER_WORDS * 4, HEADER_WORDS * 4 + assetBytes);
  for (let n = 0; n < count; n++) {
    if (at + CALL_WORDS > words.length) throw broken(at * 4, `the file ends before call ${n} of ${count}`);
    const word = (index: number) => must(words[at + index], 'word of the capture');
    const [number, argument, commandBytes, dataBytes] = [word(0), word(1), word(2), word(3)];
    const kind = CAPTURED_KINDS[number];
    if (!kind) throw broken(at * 4, `${number} does not stand for any call`);
    const start = at + CALL_WORDS;
    const dataAt = start + commandBytes / 4;
    at = dataAt + Math.ceil(dataBytes / 4);
    if (commandBytes % 4 !== 0 || at > words.length)
      throw broken((start - 2) * 4, `call ${n} extends beyond the end of the file`);
    const data = bytes.subarray(dataAt * 4, dataAt * 4 + dataBytes);
    calls.push({ kind, argument, commands: words.subarray(start, dataAt), data });
  }
  if (at * 4 !== file.length) throw broken(at * 4, 'there are bytes after the last call');
  if (calls.at(-1)?.kind !== 'render') throw broken(20, 'the last call does not draw a picture');
  return { width, height, assets, calls };
}

function broken(at: number, detail: string): NearlightError {
  return new NearlightError('NL_RECORDING', `byte ${at}: ${detail}`);
}
