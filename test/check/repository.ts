import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Number of lines beyond which the check warns about a source file, because it then seldom holds only one idea. */
export const LINES_MAX = 400;

/** Returns a fault for each link in a Markdown file that leads to a missing file or heading. */
export function brokenLinks(root: string, path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  const faults: string[] = [];
  for (const [, target = ''] of withoutCode(text).matchAll(/\]\(([^)\s]+)[^)]*\)/g)) {
    if (/^[a-z]+:/i.test(target)) continue;
    const [file = '', heading] = target.split('#');
    const to = file === '' ? path : join(dirname(path), file);
    if (!existsSync(join(root, to))) faults.push(`${path}: ${target} leads to no file`);
    else if (heading && to.endsWith('.md') && !headings(readFileSync(join(root, to), 'utf8')).includes(heading))
      faults.push(`${path}: ${target} leads to no heading`);
  }
  return faults;
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
}

/** Returns the anchors of the headings in a Markdown text, as GitHub makes them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ +(.*?) *$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Returns a warning for each file of more than LINES_MAX lines that is not generated. */
export function longFiles(root: string, files: readonly string[]): string[] {
  return files.flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const lines = text.split('\n').length - 1;
    return lines > LINES_MAX && !text.startsWith('// Generated') ? [`${path} has ${lines} lines`] : [];
  });
}
