/** A file or folder in a tar archive. A folder has no data. */
export interface TarEntry {
  /** Relative path of the file or folder; that of a folder ends with a slash. */
  name: string;
  data?: Uint8Array;
  executable?: boolean;
}

const BLOCK = 512;
const FILE_MODE = 0o444;
/** Permissions of folders and programs. */
const FOLDER_MODE = 0o555;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** Orders archive entries by the bytes of their names, which does not depend on the locale. */
export function byName(a: TarEntry, b: TarEntry): number {
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

/**
 * Creates an archive in the format USTAR (POSIX.1-1988). Only names, contents and `executable` determine its bytes: entries are
 * sorted, belong to root, and date from 1970.
 * @throws RangeError for a name that is too long for USTAR
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  const sorted = [...entries].sort(byName);
  const blocks = sorted.flatMap((entry) => {
    const { data } = entry;
    const padding = Buffer.alloc((BLOCK - ((data?.length ?? 0) % BLOCK)) % BLOCK);
    return [header(entry), data ?? Buffer.alloc(0), padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header({ name: path, data, executable }: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { prefix, name } = split(path);
  block.write(name, 0);
  block.write(octal(data && !executable ? FILE_MODE : FOLDER_MODE, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(data?.length ?? 0, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write(data ? '0' : '5', 156);
  block.write('ustar\x0000', 257, 'latin1');
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Formats a number as a field of a USTAR header. */
function octal(value: number, bytes: number): string {
  return `${value.toString(8).padStart(bytes - 1, '0')}\0`;
}

/** Splits a path into the fields prefix and name of a USTAR header. */
function split(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { prefix: '', name: path };
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (name !== '' && Buffer.byteLength(prefix) <= PREFIX_BYTES && Buffer.byteLength(name) <= NAME_BYTES)
      return { prefix, name };
  }
  throw new RangeError(
    `${path} is too long for an archive: a name may have ${NAME_BYTES} bytes, and the folders above it ${PREFIX_BYTES}`,
  );
}
