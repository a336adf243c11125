import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { NearlightError } from '../../base/errors.ts';

/** An OPA policy bundle (https://www.openpolicyagent.org/docs/management-bundles) with policies compiled to WebAssembly. */
export interface PolicyBundle {
  /** The compiled policies, a WebAssembly module. */
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** The document `data`, to which the policies may refer. */
  readonly data: object;
  /** The revision that the bundle names, or a digest of the bundle if it names none. */
  readonly revision: string;
}

/** Sizes of the parts of a tar archive (POSIX.1-1988). */
const BLOCK = 512;
const NAME = [0, 100] as const;
const SIZE = [124, 12] as const;
const TYPE = 156;
/** The types of an ordinary file. Go's archives have the second one. */
const FILE_TYPES = [0, '0'.charCodeAt(0)];
const ENTRIES_MAX = 1024;
const REVISION_LENGTH = 16;

/**
 * Reads a policy bundle: a tar archive, compressed with gzip, with `policy.wasm`, and perhaps `data.json` and `.manifest`.
 * @param bytesMax limit on its bytes, packed and unpacked
 * @throws NearlightError NL_SETTING saying what is wrong with it
 */
export function readBundle(packed: Uint8Array, bytesMax: number): PolicyBundle {
  if (packed.length > bytesMax) refuse(`it has ${packed.length} bytes, but POLICY_BYTES_MAX allows ${bytesMax}`);
  const files = readArchive(unpack(packed, bytesMax));
  const wasm = files.get('policy.wasm');
  if (!wasm) return refuse('it has no policy.wasm; make it with opa build -t wasm -e gaming/allow -e game/allow');
  const { revision } = readJson(files, '.manifest') as { revision?: unknown };
  return {
    wasm: new Uint8Array(wasm),
    data: readJson(files, 'data.json'),
    revision: typeof revision === 'string' && revision !== '' ? revision : digestOf(packed).slice(0, REVISION_LENGTH),
  };
}

/** Returns the SHA-256 of bytes in hexadecimal digits. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function unpack(packed: Uint8Array, bytesMax: number): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: bytesMax });
  } catch (cause) {
    const isLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return refuse(
      isLarge ? `unpacked, it has more than POLICY_BYTES_MAX=${bytesMax} bytes` : 'it is not a .tar.gz file',
    );
  }
}

/** Returns the ordinary files of an archive by their paths, without a slash or `./` in front. */
function readArchive(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header[0] === 0) break;
    const size = Number.parseInt(text(header, SIZE), 8);
    const begin = at + BLOCK;
    if (!Number.isInteger(size) || size < 0 || begin + size > archive.length) refuse('its archive is damaged');
    if (FILE_TYPES.includes(header.readUInt8(TYPE))) {
      if (files.size >= ENTRIES_MAX) refuse(`its archive has more than ${ENTRIES_MAX} files`);
      files.set(text(header, NAME).replace(/^(\.?\/)+/, ''), archive.subarray(begin, begin + size));
    }
    at = begin + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function text(header: Buffer, [offset, bytes]: readonly [number, number]): string {
  const [value = ''] = header.toString('latin1', offset, offset + bytes).split('\0', 1);
  return value.trim();
}

function readJson(files: ReadonlyMap<string, Buffer>, name: string): object {
  const bytes = files.get(name);
  if (!bytes) return {};
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The message below says all that is known.
  }
  return refuse(`its ${name} is not a JSON object`);
}

function refuse(what: string): never {
  throw new NearlightError('NL_SETTING', `the policy bundle cannot be used: ${what}`);
}
