import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Prose, readProse } from './prose.ts';

/**
 * Files and folders whose English has not been revised yet, so that banned phrases in them are only counted. Take a folder
 * off this list when you have revised it.
 */
export const PENDING: readonly string[] = [];

/** Files that quote the banned phrases, and therefore are not searched for them. */
const QUOTES: readonly string[] = ['test/check/english.test.ts'];

interface Rule {
  pattern: RegExp;
  /** Advice that completes the sentence "write ...". */
  instead: string;
}

/** Banned words and phrases, which a reader of English stumbles over. A space in a pattern matches a line break too. */
const PHRASES = [
  rule(/anew/, '"again"'),
  rule(/once more/, '"again"'),
  rule(/whichever/, '"any" or "each", or name the choice'),
  rule(/whoever|whosoever|whatsoever/, 'who or what it is: "the caller", "the player"'),
  rule(/somebody/, '"someone", or who it is'),
  rule(/nobody/, '"no one", or say it of the one who acts'),
  rule(/everybody/, '"everyone"'),
  rule(/anybody/, '"anyone"'),
  rule(/besides/, '"also", "as well as" or "except"'),
  rule(/but for/, '"except"'),
  rule(/so long(?!er)/, '"for that long" or "as long as"'),
  rule(/all the same/, '"still", or leave it out'),
  rule(/(?:is|are|was|were|be|been) told/, 'who tells it: "the host tells the keeper"'),
  rule(/(?:is|are|was|were|be|been) waited for/, 'who waits: "the host waits for the reply"'),
  rule(/(?:is|are|was|were|be|been) asked for/, 'who asks: "the page asks for a keyframe"'),
  rule(/to be had/, '"available"'),
  rule(/(?:is|are|was|were) to be/, '"must be", or who does it'),
  rule(
    /(?<!\bthere )is no (?!longer|more|less|better|worse|doubt|proof|secret|such|need|way|use|room|one)[a-z]+/,
    '"is not a" or "is not valid"',
  ),
];

/** Banned beginnings of sentences, which then have no subject or no verb. A question may begin with "What". */
const BEGINNINGS = [
  beginning(/Of\b/, 'the subject first: "Part of the time that ..."'),
  beginning(/Whose\b/, 'a sentence that names the owner'),
  beginning(/What\b(?![^.!]*\?)/, 'the noun itself: "The bytes that ...", "Limit on ..."'),
  beginning(
    /Once,|Once (?:per|for|a|an|in|at|only|every)\b(?![^.!]*,)/,
    'a sentence with a verb: "Runs once per frame."',
  ),
];

function rule({ source }: RegExp, instead: string): Rule {
  return { pattern: spaced(String.raw`\b(?:${source})`, 'gi'), instead };
}

/**
 * Makes a rule for the beginning of a sentence: at the start of a text, after a sentence or a blank line, or after a tag, a
 * list mark or the bar of a table cell.
 */
function beginning({ source }: RegExp, instead: string): Rule {
  const before = String.raw`^\s*|[.!?]["')*]*\s+|\n\s*\n\s*|@\w+\s+(?:\w+\s+)?|(?:^|\n)\s*(?:[-*]|\d+\.)\s+|\|\s*`;
  return { pattern: spaced(`(?<=${before})(?:${source})`, 'g'), instead };
}

function spaced(source: string, flags: string): RegExp {
  return new RegExp(source.replaceAll(' ', String.raw`\s+`), flags);
}

/** Returns a message for each banned phrase in a file: its line, and what to write instead. */
export function findPhrases(path: string, text: string): string[] {
  if (QUOTES.includes(path)) return [];
  const hits = readProse(path, text).flatMap((prose) => [
    ...hitsOf(prose, PHRASES),
    ...(prose.kind === 'string' ? [] : hitsOf(prose, BEGINNINGS)),
  ]);
  return hits
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, phrase, instead }) => {
      const line = text.slice(0, offset).split('\n').length;
      return `${path}:${line}: "${phrase}"; write ${instead}`;
    });
}

function hitsOf({ text, offset }: Prose, list: readonly Rule[]) {
  return list.flatMap(({ pattern, instead }) =>
    [...text.matchAll(pattern)].map(({ 0: phrase, index }) => ({
      offset: offset + index,
      phrase: phrase.replace(/\s+/g, ' '),
      instead,
    })),
  );
}

/**
 * Searches all files for banned English phrases. In the folders of `pending`, phrases are only counted; the warnings also
 * name the folders in which none is left.
 */
export function checkEnglish(root: string, files: readonly string[], pending = PENDING) {
  const faults: string[] = [];
  const counts = new Map(pending.map((entry) => [entry, 0]));
  for (const path of files) {
    const found = findPhrases(path, readFileSync(join(root, path), 'utf8'));
    const entry = pending.find((entry) => path === entry || path.startsWith(`${entry}/`));
    if (entry === undefined) faults.push(...found);
    else counts.set(entry, (counts.get(entry) ?? 0) + found.length);
  }
  const warnings = [...counts].map(([entry, count]) =>
    count === 0
      ? `${entry} is revised: take it off the list in test/check/english.ts`
      : `${entry}: ${count} phrases left`,
  );
  return { faults, warnings };
}
