import { extname } from 'node:path';
import { parseSync, Visitor } from 'rolldown/utils';

/** A part of a file that holds English: comments, a quoted text, or a whole document. */
export interface Prose {
  /**
   * The text as in the file, but with blanks in place of comment marks and code, so that offsets and line numbers stay the
   * same.
   */
  text: string;
  /** Offset of `text` in the file. */
  offset: number;
  kind: 'comment' | 'string' | 'document';
}

/** Matches the comments and quoted texts of languages with the syntax of C. */
const C_LIKE =
  /\/\*[\s\S]*?\*\/|(?:\/\/[^\n]*(?:\n[ \t]*(?=\/\/))?)+|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`/g;
/** Matches whole-line comments of the shell and of YAML. Neighbouring lines of comments are one match. */
const HASH = /(?:^[ \t]*#[^\n]*\n?)+/gm;
/** Matches what is not English in Markdown: fenced code, code spans, comments, and the targets of links. */
const CODE = /^```[\s\S]*?^```|`[^`\n]*`|<!--[\s\S]*?-->|\]\([^)\n]*\)/gm;

/** Returns the English texts of a file: comments, strings and documents; none if the language of the file is unknown. */
export function readProse(path: string, text: string): Prose[] {
  switch (extname(path)) {
    case '.ts':
    case '.mjs':
    case '.js':
      return ofTypeScript(path, text);
    case '.cc':
    case '.h':
    case '.css':
    case '.wgsl':
    case '.proto':
      return ofC(text);
    case '.sh':
    case '.yaml':
    case '.yml':
      return ofShell(text);
    case '.html':
      return [{ text, offset: 0, kind: 'string' }];
    case '.md':
      return [{ text: text.replace(CODE, blank), offset: 0, kind: 'document' }];
    default:
      return text.startsWith('#!') ? ofShell(text) : [];
  }
}

function ofTypeScript(path: string, text: string): Prose[] {
  const { program, comments, errors } = parseSync(path, text);
  // AssemblyScript's decorated functions do not parse as TypeScript, so this file is searched for comments and quotes instead.
  if (errors.length > 0) return ofC(text);
  const prose: Prose[] = [];
  let open: { start: number; end: number } | undefined;
  const close = () => {
    if (open) prose.push(comment(text.slice(open.start, open.end), open.start));
    open = undefined;
  };
  for (const { type, start, end } of comments) {
    const continues = open && type === 'Line' && /^[ \t]*\n[ \t]*$/.test(text.slice(open.end, start));
    if (!continues) close();
    open = { start: open?.start ?? start, end };
    if (type === 'Block') close();
  }
  close();
  const add = (start: number, end: number) =>
    prose.push({ text: text.slice(start, end), offset: start, kind: 'string' });
  new Visitor({
    Literal: ({ value, start, end }) => {
      if (typeof value === 'string' && /\s/.test(value)) add(start, end);
    },
    TemplateElement: ({ start, end }) => add(start, end),
  }).visit(program);
  return prose;
}

function ofC(text: string): Prose[] {
  return [...text.matchAll(C_LIKE)].flatMap(({ 0: whole, index }) => {
    if (whole.startsWith('/')) return comment(whole, index);
    return /\s/.test(whole) ? { text: whole, offset: index, kind: 'string' } : [];
  });
}

function ofShell(text: string): Prose[] {
  const comments = [...text.matchAll(HASH)].map(({ 0: whole, index }) => comment(whole, index));
  return [...comments, { text: text.replace(HASH, blank), offset: 0, kind: 'string' }];
}

function comment(text: string, offset: number): Prose {
  return { text: text.replace(/^[ \t]*(?:\/\*+|\*+\/?|\/\/+|#+)|\*+\/$/gm, blank), offset, kind: 'comment' };
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}
