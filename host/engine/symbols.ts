/** Source maps: where in a game's sources a trap arose. Runs in Node only, where something has gone wrong. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { eachMapping, originalPositionFor, type SourceMapInput, TraceMap } from '@jridgewell/trace-mapping';
import type { TrapFrame } from './engine.ts';
import { Reader, writeUnsigned } from './leb128.ts';

const framesMax = 4;
/** Sources that are not the game's own: the compiler's library, and packages such as the SDK. */
const LIBRARY = /^~lib|^node_modules\//;
/** The file that reports a failed check: never the place of a fault. */
const ABORT = /@nearlight\/sdk\/sdk\/abort\.ts/;
const codeSection = 10;

/** Version 3 (ECMA-426) with what a stack needs besides. */
interface SymbolMap {
  version: 3;
  sources: string[];
  sourcesContent: (string | null)[];
  names: string[];
  mappings: string;
  sourceRoot?: string;
  x_nearlight: {
    /** SHA-256 of the module that this is about. */
    module: string;
    /** By function index, imports first: the compiler's name, and where its body begins in the module. */
    functions: { name: string; start: number }[];
  };
}

/**
 * Takes what the compiler made apart into a module without custom sections, which is what is shipped, and its map.
 * @param map the compiler's source map of it, as JSON
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
    if (id === codeSection) readStarts(compiled, body, starts);
  }
  const module = Buffer.concat(parts);
  const imported = names.length - starts.length;
  const parsed = JSON.parse(map) as SymbolMap;
  parsed.sourceRoot = '';
  parsed.sources = parsed.sources.map(sourceNames);
  parsed.sourcesContent = parsed.sourcesContent.map((text, n) => (parsed.sources[n]!.startsWith('~lib') ? null : text));
  parsed.x_nearlight = {
    module: createHash('sha256').update(module).digest('hex'),
    functions: names.map((name, n) => ({ name, start: starts[n - imported] ?? 0 })),
  };
  return { module, map: JSON.stringify(parsed) };
}

/**
 * Names files where they lie. The compiler keeps packages among its own library: it names a file of a package
 * "~lib/@scope/package/file.ts" that lies in node_modules/.
 */
export function sourceNames(text: string): string {
  return text.replaceAll('~lib/@', 'node_modules/@');
}

/** The name section (core 2, 7.4.1): its subsection 1 names functions. */
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
 * Says where frames of a module lie in its sources, as the map beside it (`FILE.wasm.map`) has it; it is read only then.
 * @returns ", at Function (file:line:column), from ..."; empty where there is no map of just this module
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

/** The same with a map that has been read. */
export function describeFrames(json: string, module: Uint8Array, frames: readonly TrapFrame[]): string {
  const map = JSON.parse(json) as SymbolMap;
  if (map.x_nearlight.module !== createHash('sha256').update(module).digest('hex')) return '';
  const trace = new TraceMap(map as unknown as SourceMapInput);
  const places = frames.map((frame) => place(frame, map.x_nearlight.functions, trace));
  // What the compiler adds of its own, such as the choice of an override, lies nowhere.
  const told = places.filter(({ text }) => text && !ABORT.test(text) && !text.endsWith('(no source)'));
  const shown = told.slice(0, framesMax);
  const own = told.find((entry) => entry.own);
  if (own && !shown.includes(own)) shown[framesMax - 1] = own;
  const list = shown.map(({ text }, index) => `, ${index === 0 ? 'at' : 'from'} ${text}`).join('');
  const native = frames.some(({ offset }) => offset === undefined);
  return list !== '' && native ? `${list}${HINT}` : list;
}

/** Follows frames of native code. */
const HINT = ' (of native code only the functions are known; npm run dev or --engine javascript tells the line)';

interface Place {
  text: string;
  /** It lies in the game's own sources. */
  own: boolean;
}

function place(frame: TrapFrame, functions: { name: string; start: number }[], trace: TraceMap): Place {
  const { offset } = frame;
  const index = frame.function ?? (offset === undefined ? -1 : functions.findLastIndex(({ start }) => start <= offset));
  const found = functions[index];
  if (!found) return { text: '', own: false };
  // The compiler's names begin with the file: "renderer/arena/match/Match#tick", also within type arguments.
  const name = found.name.replace(/[~@\w./-]*\//g, '');
  // The compiler leaves code without a place where it has joined what stood in several.
  const at = offset === undefined ? undefined : originalPositionFor(trace, { line: 1, column: offset });
  const parts = mappings(index, functions, trace);
  // What the compiler or its library does was put into the function that asks for it: its operands come just before.
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

/** Those of one function, in its order. */
function mappings(index: number, functions: { start: number }[], trace: TraceMap): Mapping[] {
  const start = functions[index]!.start;
  const end = functions[index + 1]?.start ?? Number.POSITIVE_INFINITY;
  const list: Mapping[] = [];
  eachMapping(trace, ({ generatedColumn, source, originalLine }) => {
    if (source !== null && generatedColumn >= start && generatedColumn < end)
      list.push({ column: generatedColumn, source, line: originalLine });
  });
  return list;
}

/** All that is known of a function that runs as native code: the lines it is made of, in the game's own files if any. */
function extent(parts: readonly Mapping[]): string {
  const lines = new Map<string, number[]>();
  for (const { source, line } of parts) lines.set(source, [...(lines.get(source) ?? []), line]);
  const rank = ([source]: [string, number[]]) => (LIBRARY.test(source) ? 1 : 0);
  const [best] = [...lines].sort((a, b) => rank(a) - rank(b) || b[1].length - a[1].length);
  if (!best) return 'no source';
  const [first, last] = [Math.min(...best[1]), Math.max(...best[1])];
  return `${best[0]}:${first}${last > first ? `-${last}` : ''}`;
}
