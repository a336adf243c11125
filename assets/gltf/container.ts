import { fail } from '../fault.ts';
import { LIMITS } from '../limits.ts';
import { Value } from './value.ts';

const GLB_MAGIC = 0x46546c67;
/** Number of bytes at the start of a .gltf file that are searched for its first brace. */
const PREFIX_BYTES = 4096;
const CHUNK_JSON = 0x4e4f534a;
const CHUNK_BIN = 0x004e4942;

/** The contents of a .gltf or .glb file. */
export interface Container {
  /** The root of the JSON. */
  root: Value;
  /** The binary chunk of a .glb file; undefined if there is none. */
  binary: Uint8Array | undefined;
}

/**
 * Splits a model file into its JSON and its binary chunk (glTF 2.0, section 4). It is a .glb file if it begins with "glTF", and
 * JSON otherwise.
 * @throws NearlightError NL_MODEL with the place: the header, a chunk, or asset.version
 */
export function readContainer(bytes: Uint8Array): Container {
  if (bytes.length > LIMITS.fileBytes)
    fail('the file', `has ${bytes.length} bytes, more than the ${LIMITS.fileBytes} allowed`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isGlb = bytes.length >= 4 && view.getUint32(0, true) === GLB_MAGIC;
  if (
    !isGlb &&
    !/^\uFEFF?\s*[{[]/.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, PREFIX_BYTES)))
  )
    fail('the file', 'is not glTF: a .glb file begins with "glTF", and a .gltf file is JSON and begins with {');
  const { json, binary } = isGlb ? readGlb(bytes, view) : { json: bytes, binary: undefined };
  const root = new Value(parse(json), '');
  root.object();
  const version = root.get('asset').get('version');
  if (!/^2\.\d+$/.test(version.text()))
    version.fail(`is ${JSON.stringify(version.raw)}, but only glTF 2 can be read; convert the model to glTF 2.0`);
  const minimum = root.get('asset').get('minVersion');
  if (minimum.exists && minimum.text() !== '2.0')
    minimum.fail(`is ${minimum.text()}, but the packer supports only 2.0`);
  return { root, binary };
}

function readGlb(bytes: Uint8Array, view: DataView): { json: Uint8Array; binary: Uint8Array | undefined } {
  if (bytes.length < 20) fail('header', 'is cut off');
  const version = view.getUint32(4, true);
  if (version !== 2) fail('header.version', `is ${version}, but only version 2 can be read`);
  const length = view.getUint32(8, true);
  if (length > bytes.length)
    fail('header.length', `is ${length}, but the file has ${bytes.length} bytes; it has been cut off`);
  let json: Uint8Array | undefined;
  let binary: Uint8Array | undefined;
  for (let at = 12, index = 0; at + 8 <= length; index++) {
    const size = view.getUint32(at, true);
    const type = view.getUint32(at + 4, true);
    if (size > length - at - 8) fail(`chunk ${index}.length`, `is ${size}, but ${length - at - 8} bytes follow`);
    const data = bytes.subarray(at + 8, at + 8 + size);
    if (index === 0 && type !== CHUNK_JSON) fail('chunk 0.type', 'is not JSON');
    if (index === 0) json = data;
    if (index === 1 && type === CHUNK_BIN) binary = data;
    at += 8 + size;
  }
  return { json: json ?? fail('header', 'is not followed by a chunk'), binary };
}

function parse(bytes: Uint8Array): unknown {
  if (bytes.length > LIMITS.jsonBytes)
    fail('the JSON', `has ${bytes.length} bytes, more than the ${LIMITS.jsonBytes} allowed`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    return fail('the JSON', `cannot be read: ${(cause as Error).message}`, cause);
  }
}
