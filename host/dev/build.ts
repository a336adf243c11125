/** What the compiler's thread, the server and the page tell each other of one compilation. */

/** One thing that is wrong with the sources. */
export interface Problem {
  message: string;
  /** Path from the root of the sources; absent where the compiler names none. */
  file?: string;
  /** From 1. */
  line?: number;
  column?: number;
  /** The lines around it, the first of which is number `from`. */
  excerpt?: { from: number; lines: string[] };
}

export type Built = { module: Uint8Array<ArrayBuffer>; map: string; ms: number } | { problems: Problem[]; ms: number };

/** What the page is sent of the newest one; the module is at `module/ID`. */
export type Notice =
  | { kind: 'built'; id: number; name: string; bytes: number; ms: number }
  | { kind: 'broken'; id: number; name: string; problems: Problem[] };
