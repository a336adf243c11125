/** Messages about a game's compilation between the compiler's thread, the development server and its page. */

/** One error in a game's sources or shaders. */
export interface Problem {
  message: string;
  /** Place of the error: a path from the project's folder, or a shader's label. Absent if the compiler names no file. */
  file?: string;
  /** Position of the error, counted from 1. `column` and `length` are in UTF-16 units. */
  line?: number;
  column?: number;
  length?: number;
  /** Lines of the source around the error. The first of them is line `from`. */
  excerpt?: { from: number; lines: string[] };
}

/** The result of compiling a game: a module with its source map, or errors. */
export type Compilation =
  | { module: Uint8Array<ArrayBuffer>; map: string; ms: number }
  | { problems: Problem[]; ms: number };

/** Identifies one compilation of a game (a build). */
interface BuildId {
  /** Identifies the run of the server, which counts builds from 1 whenever it starts. */
  run: number;
  id: number;
  /** Name of the game. */
  name: string;
}

/** A compiled game that can be played. On the server, its module is at `module/ID` and its assets are at `assets/PACK`. */
export interface Built extends BuildId {
  kind: 'built';
  /** Size of the module in bytes. */
  bytes: number;
  /** Milliseconds that the compiler took. */
  ms: number;
  /** Id of the asset pack. */
  pack: number;
}

/** The server's message to the page about the newest build of the game. */
export type BuildNotice = Built | (BuildId & { kind: 'broken'; problems: Problem[] });

/** Number of lines that are shown before and after an error. */
const CONTEXT_LINES = 2;

/** Returns the lines of a text around one line, and the number of the first of them. */
export function excerpt(text: string, line: number): { from: number; lines: string[] } {
  const from = Math.max(1, line - CONTEXT_LINES);
  return { from, lines: text.split('\n').slice(from - 1, line + CONTEXT_LINES) };
}

/** Formats an error in a game's sources as one line of text. */
export function formatProblem({ message, file, line, column }: Problem): string {
  return `${file ? `${file}:${line}:${column}: ` : ''}${message}`;
}
