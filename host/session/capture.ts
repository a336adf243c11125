import { ABI_VERSION } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';

/**
 * The file of captured command streams (.nlc): what a module submitted, from `init` to one picture. Little endian words:
 *
 *   "NLCC", CAPTURE_VERSION, ABI_VERSION, width and height of the picture, the count of parts, the byte length of the
 *   asset pack and the pack, padded to a word, then of each part the kind of its call (place in CAPTURE_KINDS), its seat or tick, the byte lengths of its commands
 *   and its data, the commands, and the data, padded to a word.
 */
export const CAPTURE_VERSION = 1;
const MAGIC = 0x4343_4c4e;
const HEADER_WORDS = 7;
const PART_WORDS = 4;
/** What a call may have been; in order, as a file numbers them. */
export const CAPTURE_KINDS = ['init', 'restore', 'join', 'leave', 'tick', 'render'] as const;
/** Larger ones are refused when they are read. */
export const CAPTURE_BYTES_MAX = 2 ** 30;

/** What one call submitted. */
export interface CapturedPart extends Submission {
  readonly kind: (typeof CAPTURE_KINDS)[number];
  /** Seat or number of the tick; 0 without. */
  readonly argument: number;
}

/** The streams of one picture, which the last part draws, and of all that came before it. */
export interface CapturedStreams {
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** The asset pack that they take from; empty without. */
  readonly assets: Uint8Array;
  readonly parts: readonly CapturedPart[];
}

/** Encodes streams; parts that submitted nothing are left out, but for the last. */
export function writeCapture({ width, height, assets, parts: all }: CapturedStreams): Uint8Array {
  const parts = all.filter(({ commands }, index) => commands.length > 0 || index === all.length - 1);
  const sizes = parts.map(({ commands, data }) => PART_WORDS + commands.length + Math.ceil(data.length / 4));
  const start = HEADER_WORDS + Math.ceil(assets.length / 4);
  const words = new Uint32Array(sizes.reduce((total, size) => total + size, start));
  const bytes = new Uint8Array(words.buffer);
  words.set([MAGIC, CAPTURE_VERSION, ABI_VERSION, width, height, parts.length, assets.length]);
  bytes.set(assets, HEADER_WORDS * 4);
  let at = start;
  for (const [index, { kind, argument, commands, data }] of parts.entries()) {
    words.set([CAPTURE_KINDS.indexOf(kind), argument, commands.byteLength, data.byteLength], at);
    words.set(commands, at + PART_WORDS);
    bytes.set(data, (at + PART_WORDS + commands.length) * 4);
    at += sizes[index]!;
  }
  return bytes;
}

/** @throws NearlightError NL_RECORDING naming the byte at which the file is broken */
export function readCapture(file: Uint8Array): CapturedStreams {
  if (file.length < HEADER_WORDS * 4) throw broken(file.length, 'it ends within its header');
  const bytes = new Uint8Array(file.subarray(0, Math.floor(file.length / 4) * 4));
  const words = new Uint32Array(bytes.buffer);
  const [magic, version, abi, width = 0, height = 0, count = 0, assetBytes = 0] = words;
  if (magic !== MAGIC) throw broken(0, 'it is no capture: it does not begin with "NLCC"');
  if (version !== CAPTURE_VERSION)
    throw broken(4, `it has version ${version}, and this program reads ${CAPTURE_VERSION}`);
  if (abi !== ABI_VERSION) throw broken(8, `its contract has version ${abi}, and this program's ${ABI_VERSION}`);
  if (width < 1 || width > 65_535 || height < 1 || height > 65_535)
    throw broken(12, `a picture of ${width}x${height} pixels`);
  const parts: CapturedPart[] = [];
  let at = HEADER_WORDS + Math.ceil(assetBytes / 4);
  if (at > words.length) throw broken(24, 'its assets reach beyond the end');
  const assets = bytes.subarray(HEADER_WORDS * 4, HEADER_WORDS * 4 + assetBytes);
  for (let part = 0; part < count; part++) {
    if (at + PART_WORDS > words.length) throw broken(at * 4, `it ends before part ${part} of ${count}`);
    const [number, argument, commandBytes, dataBytes] = words.subarray(at, at + PART_WORDS) as unknown as number[];
    const kind = CAPTURE_KINDS[number!];
    if (!kind) throw broken(at * 4, `${number} is no kind of call`);
    const from = at + PART_WORDS;
    const dataAt = from + commandBytes! / 4;
    at = dataAt + Math.ceil(dataBytes! / 4);
    if (commandBytes! % 4 !== 0 || at > words.length)
      throw broken((from - 2) * 4, `part ${part} reaches beyond the end`);
    const commands = words.subarray(from, dataAt);
    parts.push({ kind, argument: argument!, commands, data: bytes.subarray(dataAt * 4, dataAt * 4 + dataBytes!) });
  }
  if (at * 4 !== file.length) throw broken(at * 4, 'something follows the last part');
  if (parts.at(-1)?.kind !== 'render') throw broken(20, 'its last part draws no picture');
  return { width, height, assets, parts };
}

function broken(at: number, detail: string): NearlightError {
  return new NearlightError('NL_RECORDING', `byte ${at}: ${detail}`);
}
