import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The bytes "NLAP", with which every asset pack begins. */
const MAGIC = 0x50414c4e;
const HEADER_BYTES = 8;
const ENTRY_BYTES = 16;
const ALIGNMENT = 256;

/**
 * Creates an asset pack (renderer/contract/ABI.md, "Assets") from the files in a folder and its subfolders. The name of an
 * asset is its path within the folder, with `/`. Assets are sorted by name.
 * @returns the asset pack; empty if the folder does not exist or contains no files
 */
export async function createAssetPackFromFolder(folder: string): Promise<Uint8Array> {
  const names = await listFiles(folder);
  if (names.length === 0) return new Uint8Array();
  return createAssetPack(
    await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) }))),
  );
}

/** Creates an asset pack from files, in the given order. The contents of each file start at a multiple of 256 bytes. */
export function createAssetPack(files: readonly { name: string; bytes: Uint8Array }[]): Uint8Array {
  const { start, offsets, bytes } = layOutAssetPack(files.map(({ name, bytes }) => ({ name, bytes: bytes.length })));
  const pack = Buffer.alloc(bytes);
  pack.set(start);
  for (const [index, file] of files.entries()) pack.set(file.bytes, offsets[index]);
  return pack;
}

/** An asset pack without the contents of its files. */
export interface AssetPackLayout {
  /** The pack's header, directory and names. */
  start: Uint8Array;
  /** Where the contents of each file begin, in bytes from the start of the pack. */
  offsets: number[];
  /** Size of the whole pack in bytes. */
  bytes: number;
}

/** Lays out an asset pack of files with these names and sizes in bytes, in the given order. */
export function layOutAssetPack(all: readonly { name: string; bytes: number }[]): AssetPackLayout {
  const files = all.map(({ name, bytes }) => ({ name: Buffer.from(name), bytes }));
  const namesAt = HEADER_BYTES + files.length * ENTRY_BYTES;
  const start = Buffer.alloc(files.reduce((total, { name }) => total + name.length, namesAt));
  start.writeUInt32LE(MAGIC, 0);
  start.writeUInt32LE(files.length, 4);
  const offsets: number[] = [];
  let nameAt = namesAt;
  let dataAt = align(start.length);
  for (const [index, { name, bytes }] of files.entries()) {
    const entry = HEADER_BYTES + index * ENTRY_BYTES;
    start.writeUInt32LE(nameAt, entry);
    start.writeUInt32LE(name.length, entry + 4);
    start.writeUInt32LE(dataAt, entry + 8);
    start.writeUInt32LE(bytes, entry + 12);
    name.copy(start, nameAt);
    offsets.push(dataAt);
    nameAt += name.length;
    dataAt += align(bytes);
  }
  return { start, offsets, bytes: dataAt };
}

/** Lists the files in a folder and its subfolders, sorted. Returns no files if the folder does not exist. */
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

/** Rounds a size in bytes up to a multiple of ALIGNMENT, at which the contents of each file start. */
function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
