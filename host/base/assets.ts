import { NearlightError } from './errors.ts';

const MAGIC = 0x50414c4e;

/** One file of an asset pack: its name, and where its contents lie in the pack. */
export interface Asset {
  readonly name: string;
  /** The name as the pack has it, in UTF-8. */
  readonly nameBytes: Uint8Array;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Reads the directory of an asset pack: little-endian 32-bit words, "NLAP", the number of assets, then for each asset the
 * offset and length of its name (UTF-8) and the offset and length of its contents. A module refers to an asset by its index
 * in the directory.
 * @throws NearlightError NL_MODULE_INVALID if the directory or an entry reaches beyond the end of the pack
 */
export function readAssets(pack: Uint8Array): Asset[] {
  if (pack.length === 0) return [];
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength);
  if (pack.length < 8 || view.getUint32(0, true) !== MAGIC) throw invalid('it does not begin with "NLAP"');
  const count = view.getUint32(4, true);
  if (count > (pack.length - 8) / 16) throw invalid('its directory is truncated');
  const text = new TextDecoder();
  return Array.from({ length: count }, (_, index) => {
    const word = (n: number) => view.getUint32(8 + 16 * index + 4 * n, true);
    const [nameOffset, nameBytes, offset, bytes] = [word(0), word(1), word(2), word(3)];
    if (nameOffset + nameBytes > pack.length || offset + bytes > pack.length)
      throw invalid(`asset ${index} lies outside it`);
    const name = pack.subarray(nameOffset, nameOffset + nameBytes);
    return { name: text.decode(name), nameBytes: name, offset, bytes };
  });
}

const invalid = (detail: string) => new NearlightError('NL_MODULE_INVALID', `the asset pack cannot be used: ${detail}`);
