/** Finds the place in a game's sources where a trap happened, from the compiler's source map. Runs in Node only. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { eachMapping, originalPositionFor, type SourceMapInput, TraceMap } from '@jridgewell/trace-mapping';
import { must } from '../base/assert.ts';
import type { TrapFrame } from './engine.ts';
import { Reader, writeUnsigned } from './leb128.ts';

/** The most stack frames that an error message shows. */
const SHOWN_MAX = 4;
/** Matches source files that are not the game's own: the compiler's library, and packages such as the SDK. */
const LIBRARY = /^~lib|^node_modules\//;
/** Matches SDK files to leave out of an error's place: they only report failed checks or write the commands of a caller. */
const PLUMBING = /@nearlight\/sdk\/sdk\/(abort|stream|encode)\.ts/;
const CODE_SECTION = 10;

/** A source map (ECMA-426, version 3), extended by the module's hash and the names and offsets of its functions. */
interface SymbolMap {
  version: 3;
  sources: string[];
  sourcesContent: (string | null)[];
  names: string[];
  mappings: string;
  sourceRoot?: string;
  x_nearlight: {
    /** SHA-256, in hexadecimal, of the module that the source map describes. */
    module: string;
    /** For each function, imported ones first: its name, and the byte offset of its body in the module. */
    functions: { name: string; start: number }[];
  };
}

/**
 * Splits the output of the AssemblyScript compiler into a module without custom sections, to ship, and an extended source map.
 * @param map the compiler's source map of the module, as JSON
 */
export function splitSymbols(compiled: Uint8Array, map: string): { module: Uint8Array; map: string } {
  const parts = [compiled.subarray(0, 8)];
  const names: string[] = [];
  const starts: number[] = [];
  const reader = new Reader(compiled, 8);
  while (!reader.ended) {
    const id = reader.byte();
    const body = reader.bytes(reader.unsigned());
    if (id === 0) readNames(new Reader(body), names);
    else parts.push(Uint8Array.from(writeUnsigned([id], body.length)), body);
    if (id === CODE_SECTION) readStarts(compiled, body, starts);
  }
  const module = Buffer.concat(parts);
  const imported = names.length - starts.length;
  const parsed = JSON.parse(map) as SymbolMap;
  parsed.sourceRoot = '';
  parsed.sources = parsed.sources.map(sourceNames);
  parsed.sourcesContent = parsed.sourcesContent.map((text, n) => (parsed.sources[n]?.startsWith('~lib') ? null : text));
  parsed.x_nearlight = {
    module: createHash('sha256').update(module).digest('hex'),
    functions: names.map((name, n) => ({ name, start: starts[n - imported] ?? 0 })),
  };
  return { module, map: JSON.stringify(parsed) };
}

/**
 * Replaces the AssemblyScript compiler's names of package files by their paths. The compiler writes
 * "~lib/@scope/package/file.ts", as if the file were part of its own library, but the file is in node_modules/.
 */
export function sourceNames(text: string): string {
  return text.replaceAll('~lib/@', 'node_modules/@');
}

/** Reads the functions' names from a module's name section (WebAssembly core specification 2, 7.4.1), subsection 1. */
function readNames(reader: Reader, names: string[]): void {
  if (reader.name() !== 'name') return;
  while (!reader.ended) {
    const id = reader.byte();
    const body = new Reader(reader.bytes(reader.unsigned()));
    if (id !== 1) continue;
    for (let n = body.count(); n > 0; n--) names[body.unsigned()] = body.name();
  }
}

function readStarts(module: Uint8Array, body: Uint8Array, starts: number[]): void {
  const reader = new Reader(body);
  for (let n = reader.count(); n > 0; n--) starts.push(reader.bytes(reader.unsigned()).byteOffset - module.byteOffset);
}

/**
 * Returns a function that translates stack frames of a module into places in its sources. The function reads the source map
 * beside the module (`FILE.wasm.map`) each time it is called.
 * @returns ", at Function (file:line:column), from ..."; empty if the map is missing or describes another module
 */
export function locator(path: string, module: Uint8Array): (frames: readonly TrapFrame[]) => string {
  return (frames) => {
    try {
      return describeFrames(readFileSync(`${path}.map`, 'utf8'), module, frames);
    } catch {
      return '';
    }
  };
}

/** Translates stack frames into places in a game's sources. @param json the source map @returns as the function of locator() */
export function describeFrames(json: string, module: Uint8Array, frames: readonly TrapFrame[]): string {
  const map = JSON.parse(json) as SymbolMap;
  if (map.x_nearlight.module !== createHash('sha256').update(module).digest('hex')) return '';
  const trace = new TraceMap(map as unknown as SourceMapInput);
  const places = frames.map((frame) => place(frame, map.x_nearlight.functions, trace));
  // Functions that the compiler adds, such as the dispatch to an override, have no place in the sources and are left out.
  const known = places.filter(({ text }) => text && !PLUMBING.test(text) && !text.endsWith('(no source)'));
  const shown = known.slice(0, SHOWN_MAX);
  const own = known.find((entry) => entry.own);
  if (own && !shown.includes(own)) shown[SHOWN_MAX - 1] = own;
  const list = shown.map(({ text }, index) => `, ${index === 0 ? 'at' : 'from'} ${text}`).join('');
  const native = frames.some(({ offset }) => offset === undefined);
  return list !== '' && native ? `${list}${HINT}` : list;
}

/** Appended to the place of an error if the module ran as native code. */
const HINT = ' (native code shows only the function; run npm run dev or --engine javascript to see the line)';

/** The place of one stack frame in the sources, as text. */
interface Place {
  /** "Function (file:line:column)"; empty if the function is unknown. */
  text: string;
  /** Whether the place is in the game's own sources, not in a library. */
  own: boolean;
}

function place(frame: TrapFrame, functions: { name: string; start: number }[], trace: TraceMap): Place {
  const { offset } = frame;
  const index = frame.function ?? (offset === undefined ? -1 : functions.findLastIndex(({ start }) => start <= offset));
  const found = functions[index];
  if (!found) return { text: '', own: false };
  // Names of functions begin with their file, as in "renderer/arena/match/Match#tick", and so do names in type arguments.
  const name = found.name.replace(/[~@\w./-]*\//g, '').replace(/@override$/, '');
  // The source map has no place for code that the compiler has merged from several places.
  const at = offset === undefined ? undefined : originalPositionFor(trace, { line: 1, column: offset });
  const parts = mappings(index, functions, trace);
  // If library code was inlined into the game's function, the nearest game line before it stands for the call.
  const near = parts.findLast(
    ({ column, source }) => offset !== undefined && column <= offset && !LIBRARY.test(source),
  );
  const line = near && `${near.source}:${near.line}`;
  if (!at?.source) {
    const lines = line ? `near ${line}` : extent(parts);
    return { text: `${name} (${lines})`, own: !LIBRARY.test(lines) };
  }
  const text = `${at.source}:${at.line}:${at.column + 1}`;
  if (!line || !LIBRARY.test(at.source)) return { text: `${name} (${text})`, own: !LIBRARY.test(at.source) };
  return { text: `${name} (${text}, for ${line})`, own: true };
}

interface Mapping {
  column: number;
  source: string;
  line: number;
}

/** Returns the source map's entries for one function, in the order of its code. */
function mappings(index: number, functions: { start: number }[], trace: TraceMap): Mapping[] {
  const { start } = must(functions[index], 'function');
  const end = functions[index + 1]?.start ?? Number.POSITIVE_INFINITY;
  const list: Mapping[] = [];
  eachMapping(trace, ({ generatedColumn, source, originalLine }) => {
    if (source !== null && generatedColumn >= start && generatedColumn < end)
      list.push({ column: generatedColumn, source, line: originalLine });
  });
  return list;
}

/** Returns the file and range of lines that a function was compiled from; a file of the game's own if possible. */
function extent(parts: readonly Mapping[]): string {
  const lines = new Map<string, number[]>();
  for (const { source, line } of parts) lines.set(source, [...(lines.get(source) ?? []), line]);
  const rank = ([source]: [string, number[]]) => (LIBRARY.test(source) ? 1 : 0);
  const [best] = [...lines].sort((a, b) => rank(a) - rank(b) || b[1].length - a[1].length);
  if (!best) return 'no source';
  const [first, last] = [Math.min(...best[1]), Math.max(...best[1])];
  return `${best[0]}:${first}${last > first ? `-${last}` : ''}`;
}
