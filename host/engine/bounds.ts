import { NearlightError } from '../base/errors.ts';
import type { EngineLimits } from './engine.ts';
import { type Reader, writeUnsigned } from './leb128.ts';

const WASM_PAGE_BYTES = 65536;
const TABLES_MAX = 16;
const [FUNCREF, EXTERNREF] = [0x70, 0x6f];

/**
 * Reads the limits of a memory or table (WebAssembly core specification 2, 5.3.7): a flag byte, the minimum, and the maximum if
 * the flag is 1. Refuses other flags, which mark shared and 64-bit memories.
 */
export function readLimits(reader: Reader, what: string): { min: number; max: number } {
  const flag = reader.byte();
  if (flag > 1) throw invalid(`${what} is shared, has 64-bit addresses, or has malformed limits`);
  const min = reader.unsigned();
  const max = flag === 1 ? reader.unsigned() : 2 ** 32 - 1;
  if (max < min) throw invalid(`${what} has a maximum below its minimum`);
  return { min, max };
}

/** Rewrites the table section so that no table can grow beyond TABLE_ELEMENTS_MAX, whatever the engine. Returns its body. */
export function boundTables(reader: Reader, { tableElementsMax }: Pick<EngineLimits, 'tableElementsMax'>): Uint8Array {
  const count = reader.count();
  if (count > TABLES_MAX) throw limit(`the module has ${count} tables, and ${TABLES_MAX} are allowed`);
  const bytes = writeUnsigned([], count);
  let sum = 0;
  for (let n = count; n > 0; n--) {
    const type = reader.byte();
    if (type !== FUNCREF && type !== EXTERNREF) throw invalid('a table holds neither funcref nor externref');
    const { min, max } = readLimits(reader, 'a table');
    sum += min;
    bytes.push(type, 1);
    writeUnsigned(writeUnsigned(bytes, min), Math.max(min, Math.min(max, tableElementsMax)));
  }
  if (sum > tableElementsMax)
    throw limit(`the module's tables start with ${sum} elements, and TABLE_ELEMENTS_MAX allows ${tableElementsMax}`);
  if (!reader.ended) throw invalid('section 4 is longer than its contents');
  return Uint8Array.from(bytes);
}

/** Rewrites the memory section so that the memory cannot grow beyond MEMORY_BYTES_MAX. Returns its body. */
export function boundMemories(
  reader: Reader,
  { memoryBytesMax }: Pick<EngineLimits, 'memoryBytesMax'>,
): { body: Uint8Array; count: number } {
  const count = reader.count();
  if (count > 1) throw invalid('the module has more than one memory');
  const bytes = writeUnsigned([], count);
  if (count === 1) {
    const { min, max } = readLimits(reader, 'its memory');
    const pagesMax = Math.floor(memoryBytesMax / WASM_PAGE_BYTES);
    if (min > pagesMax)
      throw limit(
        `its memory starts with ${min * WASM_PAGE_BYTES} bytes, and MEMORY_BYTES_MAX allows ${memoryBytesMax}`,
      );
    bytes.push(1);
    writeUnsigned(writeUnsigned(bytes, min), Math.min(max, pagesMax));
  }
  if (!reader.ended) throw invalid('section 5 is longer than its contents');
  return { body: Uint8Array.from(bytes), count };
}

const invalid = (detail: string) => new NearlightError('NL_MODULE_INVALID', detail);
const limit = (detail: string) => new NearlightError('NL_MODULE_LIMIT', detail);
