/** The folders from which one part of the program, a folder or a file, may import, in addition to itself. */
export interface Part {
  /** Folders whose values the part may import, so that it loads them at run time. */
  readonly values: readonly string[];
  /** Folders from which the part may import types only. */
  readonly types: readonly string[];
}

/** Files that the package @nearlight/sdk offers at its root. */
export const PACKAGE = ['renderer/index.ts', 'renderer/game.ts', 'renderer/rule.ts'];

/** Folders of games and of risk rules. The template of a new project is a game too. */
export const GAMES = [
  'renderer/arena',
  'renderer/examples',
  'renderer/model',
  'renderer/rules',
  'renderer/sdk/template',
];

/**
 * Folders of the host's stages, each of which does one step for a frame, an input or a session. Only host/play and the
 * commands connect stages.
 */
const STAGES = [
  'host/audio',
  'host/edge',
  'host/engine',
  'host/gpu',
  'host/observe',
  'host/player',
  'host/room',
  'host/session',
  'host/stream',
  'host/video',
];

const BASE = ['renderer/contract', 'host/base'];
const PLAY = [...BASE, 'assets', 'oci', ...STAGES];
const COMMANDS = [...PLAY, 'host/play'];

function alike(folders: readonly string[], part: Part): Record<string, Part> {
  return Object.fromEntries(folders.map((folder) => [folder, part]));
}

/**
 * Every folder that may hold sources, with its permitted imports, from the lowest folder to the highest (host/ARCHITECTURE.md
 * shows them). test/ stands above them all and may import any of them.
 */
export const PARTS: Readonly<Record<string, Part>> = {
  'renderer/contract': { values: [], types: [] },
  'renderer/sdk': { values: ['renderer/contract'], types: [] },
  'renderer/scene': { values: ['renderer/contract', 'renderer/sdk'], types: [] },
  ...alike(PACKAGE, { values: ['renderer/sdk'], types: [] }),
  ...alike(GAMES, { values: [...PACKAGE, 'renderer/sdk', 'renderer/scene'], types: [] }),
  'host/base': { values: ['renderer/contract'], types: [] },
  ...alike(['assets', 'oci'], { values: BASE, types: [] }),
  ...alike(STAGES, { values: BASE, types: ['assets', 'oci', ...STAGES] }),
  'host/play': { values: PLAY, types: [] },
  'host/fleet': { values: COMMANDS, types: [] },
  'host/cli': { values: [...COMMANDS, 'host/fleet'], types: [] },
  'host/pod': { values: [...COMMANDS, 'host/cli'], types: [] },
};

/** Source files that a browser runs as well as Node. The files that they load may not need Node or a package. */
export const PORTABLE: readonly RegExp[] = [
  /^host\/gpu\/(?!dawn\.ts$)/,
  /^host\/room\//,
  /^host\/session\/(?!(file|hash)\.ts$)/,
  /^host\/base\/protocol\.ts$/,
  /^host\/observe\/(boards|panel)\b/,
  /^host\/player\/(?!build\.ts$)/,
  /^host\/engine\/(module|javascript)\.ts$/,
];

/**
 * Returns the folder of PARTS that a source file belongs to, or the file itself if PARTS names it; undefined if there is
 * none.
 */
export function partOf(path: string): string | undefined {
  const names = path.split('/');
  if (names[0] === 'test') return 'test';
  // The deepest folder that PARTS names counts.
  for (let depth = names.length; depth > 0; depth -= 1) {
    const folder = names.slice(0, depth).join('/');
    if (PARTS[folder] !== undefined) return folder;
  }
  return undefined;
}

/** Whether a file in `from` may import one in `to`, and if so whether only its types. */
export function permission(from: string, to: string): 'values' | 'types' | 'none' {
  if (from === to || from === 'test') return 'values';
  if (PARTS[from]?.values.includes(to)) return 'values';
  return PARTS[from]?.types.includes(to) ? 'types' : 'none';
}

/** Whether `upper` stands above `lower`: it may import `lower`, or something that may. */
export function isAbove(upper: string, lower: string): boolean {
  if (upper === 'test') return lower !== 'test';
  return PARTS[upper]?.values.some((folder) => folder === lower || isAbove(folder, lower)) ?? false;
}
