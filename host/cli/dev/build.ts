/** What the compiler's thread, the server and the page tell each other of one compilation. */

/** One thing that is wrong with the sources. */
export interface Problem {
  message: string;
  /** Path from the root of the sources, or the label of a shader; absent where the compiler names none. */
  file?: string;
  /** From 1; a column counts UTF-16 units, as `length` does, which says how far the place goes in its line. */
  line?: number;
  column?: number;
  length?: number;
  /** The lines around it, the first of which is number `from`. */
  excerpt?: { from: number; lines: string[] };
}

/** What comes of the sources. */
export type Compilation =
  | { module: Uint8Array<ArrayBuffer>; map: string; ms: number }
  | { problems: Problem[]; ms: number };

interface Numbered {
  /** Tells servers apart: each counts its builds from 1. */
  run: number;
  id: number;
  name: string;
}

/** A build that can be played: its module is at `module/ID`, its assets at `assets/PACK`. */
export interface Built extends Numbered {
  kind: 'built';
  bytes: number;
  ms: number;
  pack: number;
}

/** What the page is sent of the newest one. */
export type Notice = Built | (Numbered & { kind: 'broken'; problems: Problem[] });

const AROUND = 2;

/** The lines of a text around one of them. */
export function excerpt(text: string, line: number): { from: number; lines: string[] } {
  const from = Math.max(1, line - AROUND);
  return { from, lines: text.split('\n').slice(from - 1, line + AROUND) };
}

/** A problem in one line. */
export function inWords({ message, file, line, column }: Problem): string {
  return `${file ? `${file}:${line}:${column}: ` : ''}${message}`;
}
