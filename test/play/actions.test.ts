import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAssetPack } from '../../assets/folder.ts';
import { nameOfAction } from '../../host/base/actions.ts';
import { readActions } from '../../host/play/actions.ts';

const JUMP = { names: { en: 'Jump', zh: '跳跃' }, keys: ['Space'], buttons: [16] };

function packOf(content: unknown): Uint8Array {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return createAssetPack([{ name: 'controls.json', bytes: Buffer.from(text) }]);
}

const read = (...actions: unknown[]) => readActions(packOf({ actions }));

describe('the actions of a game', () => {
  test('a game without assets, or without that asset, has none', () => {
    expect(readActions(new Uint8Array())).toEqual([]);
    expect(readActions(createAssetPack([{ name: 'other.json', bytes: Buffer.from('{') }]))).toEqual([]);
    expect(read()).toEqual([]);
  });

  test('they are read from the asset, and have a name in each language', () => {
    const [jump, fire] = read(JUMP, { names: { en: 'Fire' } });
    expect([jump, fire]).toEqual([JUMP, { names: { en: 'Fire' }, keys: [], buttons: [] }]);
    expect([jump, fire].map((action) => action && [nameOfAction(action, 'en'), nameOfAction(action, 'zh')])).toEqual([
      ['Jump', '跳跃'],
      ['Fire', 'Fire'],
    ]);
  });

  test('the arena has a name in each language for everything that a player does', () => {
    const file = join(import.meta.dirname, '../../renderer/arena/arena.assets/controls.json');
    const actions = readActions(packOf(readFileSync(file, 'utf8')));
    expect(actions.length).toBeGreaterThan(5);
    for (const { names } of actions) expect(Object.keys(names)).toEqual(['en', 'zh']);
  });

  const long = (length: number) => ({ names: { en: 'x'.repeat(length) } });
  test('the bounds are allowed', () => {
    expect(read(long(40), ...Array.from({ length: 31 }, () => JUMP))).toHaveLength(32);
    const keys = ['KeyA', 'KeyB', 'KeyC', 'KeyD'];
    expect(read({ ...JUMP, keys, buttons: [0, 1, 30, 31] })).toMatchObject([{ keys, buttons: [0, 1, 30, 31] }]);
  });

  test.each([
    ['{', 'it is not JSON'],
    ['null', 'it must be { "actions": [...] }'],
    [[], 'it must be { "actions": [...] }'],
    [{ actions: {} }, 'it must be { "actions": [...] }'],
    [{ actions: Array.from({ length: 33 }, () => JUMP) }, 'at most 32 actions'],
    [{ actions: [JUMP, 7] }, 'action 2: it must be an object'],
    [{ actions: [null] }, 'action 1: it must be an object'],
    [{ actions: [{ ...JUMP, key: 'Space' }] }, 'action 1: there is no field key'],
    [{ actions: [{ keys: ['Space'] }] }, 'names must have a name for "en"'],
    [{ actions: [{ names: { zh: '跳跃' } }] }, 'names must have a name for "en"'],
    [{ actions: [{ names: { en: '' } }] }, 'names must be texts'],
    [{ actions: [{ names: { en: 'Jump', EN: 'Jump' } }] }, 'names must be texts'],
    [{ actions: [{ names: { en: 'Ju\u202emp' } }] }, 'names must be texts'],
    [{ actions: [long(41)] }, 'names must be texts of 1 to 40'],
    [{ actions: [{ ...JUMP, keys: 'Space' }] }, 'keys must be'],
    [{ actions: [{ ...JUMP, keys: ['Jump'] }] }, 'keys must be'],
    [{ actions: [{ ...JUMP, keys: ['toString'] }] }, 'keys must be'],
    [{ actions: [{ ...JUMP, keys: Array.from({ length: 5 }, () => 'Space') }] }, 'keys must be at most 4'],
    [{ actions: [{ ...JUMP, buttons: [32] }] }, 'buttons must be'],
    [{ actions: [{ ...JUMP, buttons: [-1] }] }, 'buttons must be'],
    [{ actions: [{ ...JUMP, buttons: [0.5] }] }, 'buttons must be'],
    [{ actions: [{ ...JUMP, buttons: ['0'] }] }, 'buttons must be'],
    [' '.repeat(16_385), 'it has more than 16384 bytes'],
  ])('%j is refused', (content, message) => {
    expect(() => readActions(packOf(content))).toThrow(message);
    expect(() => readActions(packOf(content))).toThrow(/^NL_MODULE_INVALID: .*controls\.json cannot be used/);
  });
});
