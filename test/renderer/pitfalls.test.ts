/** Checks that every example on the page about AssemblyScript's pitfalls compiles or fails as the page says. */
import { readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { expect, test } from 'vitest';

const page = readFileSync(new URL('../../renderer/sdk/PITFALLS.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const examples = blocks.map((text) => ({
  text,
  wanted: /^\/\/ Error: (.*)$/m.exec(text)?.[1],
  first: text.split('\n')[0],
}));

/** Compiles a source file and returns the compiler's errors. */
async function compile(text: string): Promise<string[]> {
  const messages: string[] = [];
  await asc.main(['example.ts', '--noEmit', '--runtime', 'stub', '--noColors'], {
    readFile: (name: string) => (name === 'example.ts' ? text : null),
    writeFile: () => {},
    listFiles: () => [],
    reportDiagnostic: ({ message, category }: { message: string; category: number }) => {
      if (category === 3) messages.push(message);
    },
  } as Parameters<typeof asc.main>[1]);
  return messages;
}

test('the page has examples that compile and examples that do not', () => {
  expect(examples.filter(({ wanted }) => wanted !== undefined).length).toBeGreaterThan(10);
  expect(examples.filter(({ wanted }) => wanted === undefined).length).toBeGreaterThan(10);
});

test.each(examples.filter(({ wanted }) => wanted !== undefined))(
  'does not compile: $first',
  async ({ text, wanted }) => {
    expect((await compile(text)).join('\n')).toContain(wanted);
  },
);

test.each(examples.filter(({ wanted }) => wanted === undefined))('compiles: $text', async ({ text }) => {
  expect(await compile(text)).toEqual([]);
});
