/**
 * Imports that AssemblyScript's library needs from a JavaScript host, but that games must not use. For each: a pattern for the
 * import's name, the call in the game's sources that caused it (`$1` is the pattern's first group), and advice for the author.
 */
const REPLACEMENTS: readonly (readonly [name: RegExp, call: string, instead: string])[] = [
  [/^env\.seed$/, 'Math.random', 'use Random from "@nearlight/sdk" with the seed that init receives'],
  [/^env\.(crypto\..+)$/, '$1', 'use Random from "@nearlight/sdk" with the seed that init receives'],
  [/^env\.(console\..+)$/, '$1', 'use log.info, log.warn or log.error from "@nearlight/sdk"'],
  [/^env\.(trace)$/, '$1', 'use log.debug from "@nearlight/sdk"'],
  [
    /^env\.((?:Date|performance)\..+)$/,
    '$1',
    'count ticks: a game has no clock, but init receives tickRate, the number of ticks per second',
  ],
  [/^env\.(process\.exit)$/, '$1', 'use exit from "@nearlight/sdk"'],
  [
    /^env\.(abort)$/,
    '$1',
    'let asconfig.json extend "@nearlight/sdk/asconfig.json", which compiles in the abort of the SDK',
  ],
  [/^(wasi_.+)$/, '$1', 'do without WASI: a game has no files, no clock and no standard output'],
  [/^env\.([A-Za-z]\w*\..+|globalThis)$/, '$1', 'leave it out: a game does not run inside JavaScript'],
];

/** Explains an import that the host does not offer: the call in the game's sources behind it, and what to use instead. */
export function describeForeignImport(kind: string, module: string, name: string): string {
  const full = `${module}.${name}`;
  if (kind === 'memory')
    return `it imports its memory (${full}): compile without importMemory, because a game has its own memory`;
  for (const [pattern, call, instead] of REPLACEMENTS) {
    const found = pattern.exec(full);
    if (found) return `it calls ${call.replace('$1', found[1] ?? '')} (import ${full}): ${instead}`;
  }
  if (module === 'nearlight')
    return `it imports the ${kind} ${full}, which this host does not offer: use the SDK and the host of the same release`;
  return `it imports the ${kind} ${full}, which no host has: declare only what "@nearlight/sdk" declares`;
}
