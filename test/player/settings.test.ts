import { expect, test } from 'vitest';
import { hasChosenPicture, parseSettings, Settings, viewQuery } from '../../host/player/settings.ts';

const DEFAULTS = parseSettings(undefined);
const NOTHING = { size: undefined, fps: undefined, bitrate: undefined, game: undefined };

/** A stand-in for localStorage. */
function memory(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

test('settings outlive the page, and a reset forgets them', () => {
  const storage = memory();
  new Settings(storage).set({ size: '1280x720', language: 'zh', screenshotKey: 'F8' });
  const next = new Settings(storage);
  expect(next.values).toEqual({ ...DEFAULTS, size: '1280x720', language: 'zh', screenshotKey: 'F8' });
  next.reset();
  expect([next.values, new Settings(storage).values]).toEqual([DEFAULTS, DEFAULTS]);
});

test('a browser that forbids storage keeps the settings as long as the page', () => {
  const forbid = () => {
    throw new Error('forbidden');
  };
  const settings = new Settings({ getItem: forbid, setItem: forbid, removeItem: forbid });
  settings.set({ fps: '120' });
  expect(settings.values.fps).toBe('120');
  settings.reset();
  expect(settings.values).toEqual(DEFAULTS);
});

test('stored settings that are damaged or do not exist any more get their defaults', () => {
  for (const text of ['', 'null', '[]', '7', '{', '{"size":7}', '{"size":"1x1","fps":"61","language":"xx"}'])
    expect([text, parseSettings(text)]).toEqual([text, DEFAULTS]);
  expect(parseSettings('{"size":"1x1","fps":"30"}')).toEqual({ ...DEFAULTS, fps: '30' });
  for (const key of ['', 'x'.repeat(25), 'F 9', '<b>'])
    expect(parseSettings(JSON.stringify({ screenshotKey: key })).screenshotKey).toBe('F9');
  expect(parseSettings(JSON.stringify({ screenshotKey: 'x'.repeat(24) })).screenshotKey).toBe('x'.repeat(24));
});

test('the page asks for what its URL says, then for what the player has chosen', () => {
  const chosen = { ...DEFAULTS, size: '1280x720', fps: '30', bitrate: '2000000' } as const;
  expect(viewQuery(DEFAULTS, NOTHING, false)).toEqual(NOTHING);
  expect(viewQuery(DEFAULTS, NOTHING, true)).toEqual({ ...NOTHING, size: '848x480' });
  expect(viewQuery(chosen, NOTHING, true)).toEqual({ ...NOTHING, size: '1280x720', fps: '30', bitrate: '2000000' });
  const asked = { size: '640x360', fps: '', bitrate: '7', game: 'arena' };
  expect(viewQuery(chosen, asked, true)).toEqual(asked);
});

test('a refusal may be due to a choice only if the URL leaves that choice open', () => {
  const chosen = { ...DEFAULTS, fps: '120' } as const;
  expect(hasChosenPicture(DEFAULTS, NOTHING)).toBe(false);
  expect(hasChosenPicture(chosen, NOTHING)).toBe(true);
  expect(hasChosenPicture(chosen, { ...NOTHING, fps: '60' })).toBe(false);
});
