/** Byte offsets of fields in the header of a 64-bit little-endian ELF file (System V ABI, gABI 4.1, "ELF Header"). */
const PHOFF = 0x20;
const SHOFF = 0x28;
const PHENTSIZE = 0x36;
const PHNUM = 0x38;
const SHNUM = 0x3c;
const SHSTRNDX = 0x3e;
/** Byte offsets of fields in a program header of a 64-bit ELF file. */
const P_OFFSET = 0x08;
const P_FILESZ = 0x20;

const MAGIC = 0x464c457f;
const CLASS_64 = 2;

/**
 * Cuts off the parts of an ELF file that no loader reads, as `strip` does: debug information, the symbol table and the
 * section headers, all of which lie behind the segments.
 * @throws Error if the bytes are not a 64-bit ELF file
 */
export function trimElf(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC || view.getUint8(4) !== CLASS_64)
    throw new Error('it is not a 64-bit ELF file');
  const headers = Number(view.getBigUint64(PHOFF, true));
  const [size, count] = [view.getUint16(PHENTSIZE, true), view.getUint16(PHNUM, true)];
  let end = headers + size * count;
  for (let n = 0; n < count; n++) {
    const at = headers + n * size;
    end = Math.max(end, Number(view.getBigUint64(at + P_OFFSET, true) + view.getBigUint64(at + P_FILESZ, true)));
  }
  const trimmed = bytes.slice(0, end);
  const header = new DataView(trimmed.buffer);
  header.setBigUint64(SHOFF, 0n, true);
  header.setUint16(SHNUM, 0, true);
  header.setUint16(SHSTRNDX, 0, true);
  return trimmed;
}

/** Returns the newest minor version of glibc 2 that a program or library needs, such as 28 for 2.28; 0 if it needs none. */
export function glibcMinor(bytes: Uint8Array): number {
  const names = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  let newest = 0;
  for (const [, minor] of names.matchAll(/GLIBC_2\.(\d+)/g)) newest = Math.max(newest, Number(minor));
  return newest;
}
