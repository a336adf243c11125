import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const MAGIC = 0x50414c4e; // "NLAP"
const HEADER_BYTES = 8;
const ENTRY_BYTES = 16;
const ALIGNMENT = 256;

/**
 * Packs the files below a folder as ABI.md's "Assets" has it: names are paths below it with `/`, sorted; data aligned to 256 bytes.
 * @returns the pack; empty if the folder does not exist or has no files
 */
export async function packAssets(folder: string): Promise<Uint8Array> {
  const names = await listFiles(folder);
  if (names.length === 0) return new Uint8Array();
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return packFiles(names.map((name, index) => ({ name, bytes: files[index]! })));
}

/** Packs files, in their order. */
export function packFiles(all: readonly { name: string; bytes: Uint8Array }[]): Uint8Array {
  const names = all.map(({ name }) => name);
  const files = all.map(({ bytes }) => bytes);
  const encoded = names.map((name) => Buffer.from(name));
  const namesAt = HEADER_BYTES + names.length * ENTRY_BYTES;
  let dataAt = align(namesAt + encoded.reduce((total, name) => total + name.length, 0));
  const pack = Buffer.alloc(files.reduce((total, file) => total + align(file.length), dataAt));
  pack.writeUInt32LE(MAGIC, 0);
  pack.writeUInt32LE(names.length, 4);
  let nameAt = namesAt;
  for (const [index, file] of files.entries()) {
    const name = encoded[index]!;
    const entry = HEADER_BYTES + index * ENTRY_BYTES;
    pack.writeUInt32LE(nameAt, entry);
    pack.writeUInt32LE(name.length, entry + 4);
    pack.writeUInt32LE(dataAt, entry + 8);
    pack.writeUInt32LE(file.length, entry + 12);
    name.copy(pack, nameAt);
    pack.set(file, dataAt);
    nameAt += name.length;
    dataAt += align(file.length);
  }
  return pack;
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, {
      recursive: true,
      withFileTypes: true,
    });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replace(/^\//, ''))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
