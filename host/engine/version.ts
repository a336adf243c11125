import { Reader } from './leb128.ts';

const [IMPORT_SECTION, EXPORT_SECTION, CODE_SECTION] = [2, 7, 10];
const FUNCTION_KIND = 0;
const [I32_CONST, END] = [0x41, 0x0b];

/**
 * Returns the version of the contract that a module was built for, without running it. Compilers turn the export `version`
 * into a function that returns a constant; the result is undefined if they did not, or if the module is malformed.
 *
 * A module of another version may import or export functions that this host does not know. Because its version is read first,
 * the error is about the version, not about an unknown import.
 */
export function declaredVersion(module: Uint8Array): number | undefined {
  try {
    return readVersion(module);
  } catch {
    return undefined;
  }
}

function readVersion(module: Uint8Array): number | undefined {
  const reader = new Reader(module, 8);
  let imported = 0;
  let exported: number | undefined;
  while (!reader.ended) {
    const id = reader.byte();
    const section = new Reader(reader.bytes(reader.unsigned()));
    if (id === IMPORT_SECTION) imported = countImports(section);
    else if (id === EXPORT_SECTION) exported = findExport(section);
    else if (id === CODE_SECTION) return exported === undefined ? undefined : readBody(section, exported - imported);
  }
  return undefined;
}

/** Counts a module's imported functions. Throws on other imports, which no version of the contract has. */
function countImports(reader: Reader): number {
  const count = reader.count();
  for (let n = count; n > 0; n--) {
    reader.name();
    reader.name();
    if (reader.byte() !== FUNCTION_KIND) throw new Error('an import that is not a function');
    reader.unsigned();
  }
  return count;
}

function findExport(reader: Reader): number | undefined {
  for (let n = reader.count(); n > 0; n--) {
    const name = reader.name();
    const kind = reader.byte();
    const index = reader.unsigned();
    if (name === 'version' && kind === FUNCTION_KIND) return index;
  }
  return undefined;
}

/** Returns the constant that function body number `index` returns; undefined if it is not just `i32.const` and `end`. */
function readBody(reader: Reader, index: number): number | undefined {
  reader.count();
  for (let n = index; n > 0; n--) reader.bytes(reader.unsigned());
  const body = new Reader(reader.bytes(reader.unsigned()));
  if (body.byte() !== 0 || body.byte() !== I32_CONST) return undefined;
  const value = readSigned(body);
  return body.byte() === END && body.ended ? value : undefined;
}

/** Reads a signed LEB128 number of at most 32 bits (core specification 2, 5.2.2). */
function readSigned(reader: Reader): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.byte();
    value |= (byte & 127) << shift;
    if (byte < 128) return shift < 25 && byte & 64 ? value | (-1 << (shift + 7)) : value;
  }
  throw new Error('a number of more than 32 bits');
}
