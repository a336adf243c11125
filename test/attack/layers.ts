/** An entry of an image's layer. Exactly one of the optional fields says what it is; without any it is a folder. */
export interface LayerEntry {
  path: string;
  data?: Uint8Array | string;
  /** Target of a symbolic link. */
  link?: string;
  /** Path of the file to which this is a hard link. */
  hard?: string;
  /** A character device by its two numbers. */
  device?: readonly [major: number, minor: number];
  fifo?: true;
}

const BLOCK = 512;
/** The type flags of USTAR (POSIX.1-1988, "ustar Interchange Format"). */
const TYPE = { file: '0', hard: '1', link: '2', device: '3', folder: '5', fifo: '6' } as const;

/** Makes a layer as a tar archive, with entries that no honest image has, in the given order. */
export function makeLayer(entries: readonly LayerEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const data = Buffer.from(entry.data ?? '');
    return [header(entry, data.length), data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function typeOf({ data, link, hard, device, fifo }: LayerEntry): string {
  if (data !== undefined) return TYPE.file;
  if (link !== undefined) return TYPE.link;
  if (hard !== undefined) return TYPE.hard;
  if (device) return TYPE.device;
  return fifo ? TYPE.fifo : TYPE.folder;
}

function header(entry: LayerEntry, bytes: number): Buffer {
  const { path, link, hard, device = [0, 0] } = entry;
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at);
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(link ?? hard ?? '') > 100)
    throw new RangeError(`a path of ${path} is longer than the 100 bytes of USTAR`);
  block.write(path, 0);
  octal(0o755, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes, 124, 12);
  octal(0, 136, 12);
  block.write(' '.repeat(8), 148);
  block.write(typeOf(entry), 156);
  block.write(link ?? hard ?? '', 157);
  block.write('ustar\x0000', 257, 'latin1');
  octal(device[0], 329, 8);
  octal(device[1], 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
