import { describe, expect, test } from 'vitest';
import { readImports } from './imports.ts';
import { layOut } from './layout.ts';
import { checkPicture, drawPicture, PICTURE } from './picture.ts';
import { withProgram } from './program.ts';

const draw = (files: Record<string, string>) =>
  withProgram(files, async (root) => drawPicture(await readImports(root)));
/** Returns the title of each line in the drawn picture, such as "host/gpu imports host/base". */
const titles = (picture: string) => [...picture.matchAll(/<title>(.*?)<\/title>/g)].map(([, title]) => title);

describe('the picture of the imports', () => {
  test('has a line for each import between folders, and says whether it loads or only takes types', async () => {
    const picture = await draw({
      'host/base/a.ts': '',
      'host/gpu/b.ts': "import '../base/a.ts';\n",
      'host/room/c.ts': "import type { B } from '../gpu/b.ts';\nimport './d.ts';\n",
      'host/room/d.ts': '',
      'test/e.ts': "import '../host/gpu/b.ts';\n",
    });
    expect(titles(picture)).toEqual(['host/gpu imports host/base', 'host/room imports types of host/gpu']);
    expect(picture.match(/<path class="types" marker/g)).toHaveLength(1);
  });

  test('leaves out a line that others imply, but does not let imports of types imply one of values', async () => {
    const files = {
      'host/gpu/a.ts': '',
      'host/room/b.ts': "import type { A } from '../gpu/a.ts';\n",
      'host/play/c.ts': "import '../room/b.ts';\n",
      'host/cli/d.ts': "import '../play/c.ts';\nimport '../room/b.ts';\n",
    };
    const lines = ['host/cli imports host/play', 'host/play imports host/room', 'host/room imports types of host/gpu'];
    expect(titles(await draw(files)).sort()).toEqual(lines);
    const more = await draw({ ...files, 'host/play/e.ts': "import '../gpu/a.ts';\n" });
    expect(titles(more).sort()).toEqual([...lines, 'host/play imports host/gpu'].sort());
  });

  test('is stale after an import that changes it, and stays fresh after one that does not', async () => {
    const files = {
      'host/base/a.ts': '',
      'host/gpu/b.ts': "import '../base/a.ts';\n",
      'host/gpu/c.ts': '',
      'host/room/d.ts': "import '../base/a.ts';\n",
    };
    const check = (changed: Record<string, string>) =>
      withProgram({ ...files, ...changed }, async (root) => checkPicture(root, await readImports(root)));
    const stale = [`${PICTURE} does not show the imports of the sources; draw it with: node test/check/picture.ts`];
    const picture = { [PICTURE]: await draw(files) };
    expect(await check({})).toEqual(stale);
    expect(await check(picture)).toEqual([]);
    expect(await check({ ...picture, 'host/gpu/c.ts': "import '../base/a.ts';\n" })).toEqual([]);
    expect(await check({ ...picture, 'host/room/d.ts': "import type { B } from '../gpu/b.ts';\n" })).toEqual(stale);
  });
});

describe('the layout of the picture', () => {
  const nodes = ['a', 'b', 'c', 'd', 'e'];
  const edges = [
    ['a', 'b'],
    ['b', 'c'],
    ['a', 'c'],
    ['d', 'c'],
    ['a', 'e'],
  ] as const;

  test('puts every box above the boxes that its lines lead to', () => {
    const { lines, rows } = layOut(nodes, edges, () => 50);
    expect(rows).toBe(3);
    for (const { places } of lines)
      places.slice(1).forEach((place, i) => {
        expect(place.row).toBe((places[i]?.row ?? 0) - 1);
      });
  });

  test('leads a line around the boxes of the rows that it passes', () => {
    const { lines, places } = layOut(nodes, edges, () => 50);
    const bend = lines.find(({ from, to }) => from === 'a' && to === 'c')?.places[1];
    expect(bend).toMatchObject({ row: 1, isBend: true });
    for (const box of places.filter(({ row, isBend }) => row === 1 && !isBend))
      expect(Math.abs(box.x - (bend?.x ?? 0))).toBeGreaterThanOrEqual(box.width / 2);
  });

  test('keeps the places of a row apart and inside the picture', () => {
    const wide = Array.from({ length: 9 }, (_, i) => `n${i}`);
    const fan = wide.slice(1).map((name) => ['n0', name] as const);
    const { places, width } = layOut(wide, fan, (name) => (name === 'n4' ? 300 : 40));
    const row = places.filter((place) => place.row === 0).sort((a, b) => a.x - b.x);
    expect(row).toHaveLength(8);
    row.forEach((place, i) => {
      const left = row[i - 1];
      expect(place.x - place.width / 2).toBeGreaterThanOrEqual(left ? left.x + left.width / 2 : 0);
      expect(place.x + place.width / 2).toBeLessThanOrEqual(width);
    });
  });

  test('refuses a graph that has a circle', () => {
    expect(() => layOut(['a', 'b'], [['a', 'b']], () => 50)).not.toThrow();
    const circle = [
      ['a', 'b'],
      ['b', 'a'],
    ] as const;
    expect(() => layOut(['a', 'b'], circle, () => 50)).toThrow('circle: a > b > a');
  });
});
