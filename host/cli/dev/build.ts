/** Messages about a compilation between the compiler's thread, the server and the page. */

/** One error in a game's sources or shaders. */
export interface Problem {
  message: string;
  /** Path from the project's folder, or the label of a shader. Absent if the compiler names no file. */
  file?: string;
  /** Position, counted from 1. `column` and `length` are in UTF-16 units. */
  line?: number;
  column?: number;
  length?: number;
  /** The lines around the error. The first of them is line `from`. */
  excerpt?: { from: number; lines: string[] };
}

/** The result of compiling a game: a module with its source map, or errors. */
export type Compilation =
  | { module: Uint8Array<ArrayBuffer>; map: string; ms: number }
  | { problems: Problem[]; ms: number };

/** Identifies a build. */
interface BuildId {
  /** Identifies the server's run, because each run counts its builds from 1. */
  run: number;
  id: number;
  /** Name of the game. */
  name: string;
}

/** A build that can be played. Its module is at `module/ID` and its assets are at `assets/PACK`. */
export interface Built extends BuildId {
  kind: 'built';
  /** Size of the module. */
  bytes: number;
  /** Time that the compiler took. */
  ms: number;
  /** Id of the asset pack. */
  pack: number;
}

/** The server's message to the page about the newest build. */
export type BuildNotice = Built | (BuildId & { kind: 'broken'; problems: Problem[] });

/** Number of lines that are shown before and after an error. */
const CONTEXT_LINES = 2;

/** Returns the lines of a text around one line. */
export function excerpt(text: string, line: number): { from: number; lines: string[] } {
  const from = Math.max(1, line - CONTEXT_LINES);
  return { from, lines: text.split('\n').slice(from - 1, line + CONTEXT_LINES) };
}

/** Writes a problem as one line of text. */
export function formatProblem({ message, file, line, column }: Problem): string {
  return `${file ? `${file}:${line}:${column}: ` : ''}${message}`;
}
