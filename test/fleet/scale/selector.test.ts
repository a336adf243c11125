import { describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { readSelector } from '../../../host/fleet/scale/selector.ts';

const LABELS = { game: 'arena', tier: 'test' };

describe('a label selector', () => {
  test.each([
    ['', true],
    ['game=arena', true],
    ['game==arena', true],
    ['game=model', false],
    ['game!=model', true],
    ['game!=arena', false],
    ['region!=west', true],
    ['region=west', false],
    ['region=', false],
    ['game', true],
    ['!game', false],
    ['!region', true],
    ['region', false],
    ['game in (model,arena)', true],
    ['game in ( model , arena )', true],
    ['game in (model)', false],
    ['game notin (model)', true],
    ['game notin (arena,model)', false],
    ['region notin (west)', true],
    ['game=arena,tier=test', true],
    ['game in (arena,model),tier notin (live,beta)', true],
    ['game=arena, tier=live', false],
    ['constructor', false],
    ['__proto__=x', false],
    ['app.kubernetes.io/name=arena', false],
  ])('"%s": %s', (text, expected) => {
    const selects = readSelector(text);
    if (text === '__proto__=x') expect(selects).toBeUndefined();
    else expect(must(selects, text)(LABELS)).toBe(expected);
  });

  test.each(['=', 'a=b=c', 'a b', 'in (a)', 'a in b', 'a in (b', 'a=b,', ',', '-a=b', 'a=b c', `a=${'b'.repeat(64)}`])(
    '"%s" is not one',
    (text) => {
      expect(readSelector(text)).toBeUndefined();
    },
  );

  test('its length and its number of requirements are bounded', () => {
    const list = (count: number) => Array.from({ length: count }, (_, n) => `a${n}=b`).join(',');
    expect(readSelector(list(16))).toBeDefined();
    expect(readSelector(list(17))).toBeUndefined();
    const long = (characters: number) => `a in (${'b,'.repeat(2048)}`.slice(0, characters - 2).concat('b)');
    expect(readSelector(long(2048))).toBeDefined();
    expect(readSelector(long(2050))).toBeUndefined();
  });
});
