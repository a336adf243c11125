import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { brokenLinks, LINES_MAX, longFiles } from './repository.ts';

const root = mkdtempSync(join(tmpdir(), 'nearlight-repository-'));
afterAll(() => rmSync(root, { recursive: true }));

test('links that lead to a missing file or heading are found', () => {
  writeFileSync(join(root, 'b.md'), '# The first, and `best`\n');
  const links = ['b.md', 'b.md#the-first-and-best', '#top', 'https://example.org/x', 'gone.md', 'b.md#gone', '#gone'];
  writeFileSync(join(root, 'a.md'), `# Top\n${links.map((to) => `[x](${to})`).join(' ')} \`[x](code.md)\`\n`);
  expect(brokenLinks(root, 'a.md')).toEqual([
    'a.md: gone.md leads to no file',
    'a.md: b.md#gone leads to no heading',
    'a.md: #gone leads to no heading',
  ]);
});

test('a file of more than LINES_MAX lines is reported as long, unless it is generated', () => {
  writeFileSync(join(root, 'bound.ts'), '\n'.repeat(LINES_MAX));
  writeFileSync(join(root, 'long.ts'), '\n'.repeat(LINES_MAX + 1));
  writeFileSync(join(root, 'made.ts'), `// Generated from x\n${'\n'.repeat(LINES_MAX)}`);
  expect(longFiles(root, ['bound.ts', 'long.ts', 'made.ts'])).toEqual([`long.ts has ${LINES_MAX + 1} lines`]);
});
