import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ENGLISH } from '../../host/player/labels.ts';
import { CHINESE } from '../../host/player/labels-zh.ts';
import { chooseLanguage, LANGUAGES, type Language, loadLabels } from '../../host/player/languages.ts';
import { ENGLISH_OBSTACLES } from '../../host/player/obstacles.ts';
import { ENGLISH_TOOLS } from '../../host/player/tool-labels.ts';

const HTML = join(import.meta.dirname, '../../host/player/page.html');
/** Texts that are the same in all languages: the product's name, names of keys, and placeholders. */
const NAMES = /^(Nearlight|[WASD]|Esc|–)$/;
const HAN = /\p{Script=Han}/u;

test('every text of the document is in the table of labels', () => {
  const body = readFileSync(HTML, 'utf8');
  const texts = [...body.matchAll(/>([^<>]+)</g), ...body.matchAll(/aria-label="([^"]+)"/g)].map(([, text = '']) =>
    text.trim(),
  );
  const known = new Set<unknown>(Object.values(ENGLISH));
  expect(texts.length).toBeGreaterThan(40);
  expect(texts.filter((text) => text !== '' && !NAMES.test(text) && !known.has(text))).toEqual([]);
});

test('the Chinese table has Chinese for every label, with the same values in it', async () => {
  expect(await Promise.all([loadLabels('en'), loadLabels('zh')])).toEqual([ENGLISH, CHINESE]);
  const [english, chinese] = [{ ...ENGLISH, ...ENGLISH_TOOLS, ...ENGLISH_OBSTACLES }, CHINESE];
  expect(Object.keys(ENGLISH).filter((key) => key in ENGLISH_TOOLS)).toEqual([]);
  for (const key of Object.keys(english) as (keyof typeof english)[]) {
    const values = [1, 22, 333].map(String) as unknown as [never, never, never];
    const write = (label: unknown) => (typeof label === 'function' ? label(...values) : label) as string;
    const [first, second] = [write(english[key]), write(chinese[key])];
    expect(second, key).toMatch(HAN);
    const numbers = (text: string) => (typeof english[key] === 'function' ? text.match(/\d+/g) : null);
    expect([key, numbers(second)]).toEqual([key, numbers(first)]);
  }
});

test('the page speaks the first language of the browser that it knows, and English otherwise', () => {
  const cases: [string[], Language][] = [
    [['zh-TW', 'en'], 'zh'],
    [['fr', 'ZH'], 'zh'],
    [['en-GB', 'zh'], 'en'],
    [['fr', 'toString', ''], 'en'],
    [[], 'en'],
  ];
  for (const [tags, language] of cases) expect([tags, chooseLanguage(tags)]).toEqual([tags, language]);
  expect(Object.keys(LANGUAGES)).toEqual(['en', 'zh']);
});
