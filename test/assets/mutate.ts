import { packModel } from '../../assets/packer/packer.ts';
import { exitStatus, NearlightError } from '../../host/base/errors.ts';

/** Returns a pseudo-random generator of numbers from 0 to 1 (Mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** JSON values that may break a reader of glTF files. */
const VALUES: readonly unknown[] = [
  0,
  1,
  -1,
  2,
  3,
  4,
  7,
  255,
  256,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  1e308,
  -1e308,
  0.5,
  5120,
  5121,
  5123,
  5125,
  5126,
  34_962,
  null,
  true,
  false,
  '',
  'MAT4',
  'SCALAR',
  'VEC3',
  'data:,',
  'data:;base64,AAAA',
  '../../etc/passwd',
  '__proto__',
  [],
  {},
  [[]],
  [0, 0, 0],
  [1e39, 0, 0],
];

/** Changes a few values in the JSON of a GLB, or a few of its bytes, at random. The same seed makes the same changes. */
export function mutate(glb: Uint8Array, seed: number): Uint8Array {
  const next = random(seed);
  const below = (count: number) => Math.floor(next() * count);
  if (next() < 0.35) return mutateBytes(glb, below);
  const parts = split(glb);
  if (!parts) return mutateBytes(glb, below);
  const json = JSON.parse(Buffer.from(parts.json).toString()) as unknown;
  for (let i = 1 + below(3); i > 0; i--) mutateValue(json, below);
  const changed = join(Buffer.from(JSON.stringify(json)), parts.binary);
  return next() < 0.2 ? mutateBytes(changed, below) : changed;
}

function mutateBytes(bytes: Uint8Array, below: (count: number) => number): Uint8Array {
  const out = Uint8Array.from(bytes);
  for (let i = 1 + below(8); i > 0; i--) {
    // Half of the changes hit the start of the file, which matters most.
    const at = below(below(2) === 0 ? Math.min(out.length, 2048) : out.length);
    const how = below(4);
    if (how === 0) out[at] = below(256);
    if (how === 1) out[at] = (out[at] ?? 0) ^ (1 << below(8));
    if (how === 2) out.fill(below(2) * 255, at, at + below(64));
    if (how === 3 && below(8) === 0) return out.subarray(0, at);
  }
  return out;
}

function mutateValue(json: unknown, below: (count: number) => number): void {
  const places: { owner: Record<string, unknown>; key: string }[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      places.push({ owner: value as Record<string, unknown>, key });
      visit((value as Record<string, unknown>)[key]);
    }
  };
  visit(json);
  const place = places[below(places.length)];
  if (!place) return;
  const { owner, key } = place;
  const how = below(6);
  const old = owner[key];
  if (how === 0) delete owner[key];
  else if (how === 1 && typeof old === 'number') owner[key] = old + below(9) - 4;
  else if (how === 2 && typeof old === 'number') owner[key] = old * 2 ** below(30);
  else if (how === 3) owner[key] = structuredClone(places[below(places.length)]?.owner);
  else owner[key] = structuredClone(VALUES[below(VALUES.length)]);
}

/** Returns the JSON chunk and the binary chunk of a GLB file; undefined if the bytes are not a GLB file. */
export function split(glb: Uint8Array): { json: Uint8Array; binary: Uint8Array } | undefined {
  const view = new DataView(glb.buffer, glb.byteOffset, glb.byteLength);
  if (glb.length < 20 || view.getUint32(0, true) !== 0x46546c67) return undefined;
  const length = view.getUint32(12, true);
  return { json: glb.subarray(20, 20 + length), binary: glb.subarray(20 + length + 8) };
}

/** Makes a GLB file from its JSON chunk and its binary chunk. */
export function join(json: Uint8Array, binary: Uint8Array): Uint8Array {
  const padded = Buffer.concat([json, Buffer.alloc(-json.length & 3, ' ')]);
  const bin = Buffer.concat([binary, Buffer.alloc(-binary.length & 3)]);
  const head = Buffer.alloc(20);
  head.write('glTF', 0, 'latin1');
  head.writeUInt32LE(2, 4);
  head.writeUInt32LE(28 + padded.length + bin.length, 8);
  head.writeUInt32LE(padded.length, 12);
  head.writeUInt32LE(0x4e4f534a, 16);
  const middle = Buffer.alloc(8);
  middle.writeUInt32LE(bin.length, 0);
  middle.writeUInt32LE(0x004e4942, 4);
  return new Uint8Array(Buffer.concat([head, padded, middle, bin]));
}

/** The result of packing a mutated model. */
export interface Outcome {
  /** Message of the error that refused the model; '' if the model was packed. */
  message: string;
  ms: number;
}

/**
 * Mutates a model in a GLB file and packs it.
 * @throws Error if the result is neither a packed model nor a coded error that names the place of the fault
 */
export async function tryMutated(glb: Uint8Array, seed: number): Promise<Outcome> {
  const bytes = mutate(glb, seed);
  const start = performance.now();
  try {
    await packModel(bytes, { textureSideMax: 16 });
    return { message: '', ms: performance.now() - start };
  } catch (error) {
    if (!(error instanceof NearlightError) || error.code !== 'NL_MODEL' || exitStatus(error) !== 44)
      throw new Error(`seed ${seed}: ${(error as Error).stack}`, { cause: error });
    // This message is that of a fault that the packer did not foresee, and names no place in the file.
    if (error.detail.startsWith('the model: cannot be read'))
      throw new Error(`seed ${seed}: ${(error.cause as Error).stack}`, { cause: error });
    return { message: error.message, ms: performance.now() - start };
  }
}
