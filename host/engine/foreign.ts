/** What AssemblyScript's library asks its host for, and what a game does instead. `$1` in a text is the pattern's first group. */
const REPLACEMENTS: readonly (readonly [name: RegExp, call: string, instead: string])[] = [
  [/^env\.seed$/, 'Math.random', 'use Random from "@nearlight/sdk" with the seed that init is given'],
  [/^env\.(crypto\..+)$/, '$1', 'use Random from "@nearlight/sdk" with the seed that init is given'],
  [/^env\.(console\..+)$/, '$1', 'use log.info, log.warn or log.error from "@nearlight/sdk"'],
  [/^env\.(trace)$/, '$1', 'use log.debug from "@nearlight/sdk"'],
  [
    /^env\.((?:Date|performance)\..+)$/,
    '$1',
    'count ticks: a game has no clock, and tickRate, which init is given, says how many ticks make a second',
  ],
  [/^env\.(process\.exit)$/, '$1', 'use exit from "@nearlight/sdk"'],
  [
    /^env\.(abort)$/,
    '$1',
    'let asconfig.json extend "@nearlight/sdk/asconfig.json", so that the SDK\'s own abort is compiled in',
  ],
  [/^(wasi_.+)$/, '$1', 'leave WASI out: a game has no files, no clock and no standard output'],
  [/^env\.([A-Za-z]\w*\..+|globalThis)$/, '$1', 'leave it out: no JavaScript surrounds a game'],
];

/** Says of an import that the contract does not offer what it is in an author's terms, and what to do instead. */
export function describeForeignImport(kind: string, module: string, name: string): string {
  const full = `${module}.${name}`;
  if (kind === 'memory')
    return `it imports its memory (${full}): compile without importMemory, a game brings its own memory`;
  for (const [pattern, call, instead] of REPLACEMENTS) {
    const found = pattern.exec(full);
    if (found) return `it calls ${call.replace('$1', found[1] ?? '')} (import ${full}): ${instead}`;
  }
  if (module === 'nearlight')
    return `it imports the ${kind} ${full}, which this host does not offer: use the SDK and the host of the same release`;
  return `it imports the ${kind} ${full}, which no host has: declare only what "@nearlight/sdk" declares`;
}
