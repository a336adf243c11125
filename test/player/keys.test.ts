import { expect, test } from 'vitest';
import { gameKey, KEYS } from '../../host/player/keys.ts';

// Usages copied by hand from the HID Usage Tables. They reveal a run of keys in KEYS that starts at the wrong usage.
test.each([
  ['KeyA', 0x04],
  ['KeyM', 0x10],
  ['KeyN', 0x11],
  ['KeyW', 0x1a],
  ['KeyZ', 0x1d],
  ['Digit1', 0x1e],
  ['Digit0', 0x27],
  ['Enter', 0x28],
  ['Space', 0x2c],
  ['Backslash', 0x31],
  ['Semicolon', 0x33],
  ['CapsLock', 0x39],
  ['F1', 0x3a],
  ['F12', 0x45],
  ['Pause', 0x48],
  ['ArrowRight', 0x4f],
  ['ArrowUp', 0x52],
  ['NumLock', 0x53],
  ['NumpadEnter', 0x58],
  ['Numpad1', 0x59],
  ['Numpad0', 0x62],
  ['NumpadDecimal', 0x63],
  ['IntlBackslash', 0x64],
  ['ContextMenu', 0x65],
  ['NumpadEqual', 0x67],
  ['F13', 0x68],
  ['F24', 0x73],
  ['AudioVolumeMute', 0x7f],
  ['AudioVolumeDown', 0x81],
  ['NumpadComma', 0x85],
  ['IntlRo', 0x87],
  ['NonConvert', 0x8b],
  ['Lang5', 0x94],
  ['ControlLeft', 0xe0],
  ['AltLeft', 0xe2],
  ['MetaRight', 0xe7],
])('%s is HID usage %i', (code, usage) => expect(KEYS[code]).toBe(usage));

test('usages are distinct and fit into a byte', () => {
  const usages = Object.values(KEYS);
  expect(new Set(usages).size).toBe(usages.length);
  expect(Math.min(...usages)).toBeGreaterThan(3);
  expect(Math.max(...usages)).toBeLessThan(256);
});

test.each([
  ['KeyW', { ctrlKey: false, metaKey: false }, 0x1a],
  ['KeyW', { ctrlKey: true, metaKey: false }, 0],
  ['KeyR', { ctrlKey: false, metaKey: true }, 0],
  ['ControlLeft', { ctrlKey: true, metaKey: false }, 0xe0],
  ['MetaLeft', { ctrlKey: false, metaKey: true }, 0],
  ['F5', { ctrlKey: false, metaKey: false }, 0],
  ['F4', { ctrlKey: false, metaKey: false }, 0x3d],
  ['F11', { ctrlKey: false, metaKey: false }, 0],
  ['F12', { ctrlKey: false, metaKey: false }, 0],
  ['BrowserBack', { ctrlKey: false, metaKey: false }, 0],
])('%s with %j gives the game the usage %i', (code, modifiers, usage) =>
  expect(gameKey({ code, ...modifiers })).toBe(usage),
);

test.each([
  ['KeyW', 0x1a],
  ['F5', 0x3e],
  ['MetaLeft', 0xe3],
  ['BrowserBack', 0],
])('%s with Control and Meta gives the game the usage %i if the page has locked the keyboard', (code, usage) =>
  expect(gameKey({ code, ctrlKey: true, metaKey: true }, 'keyboard')).toBe(usage),
);

test('combinations with Control and Meta reach the game while it has the mouse, but not the Meta keys alone', () => {
  expect(gameKey({ code: 'KeyW', ctrlKey: true, metaKey: false }, 'pointer')).toBe(0x1a);
  expect(gameKey({ code: 'KeyW', ctrlKey: true, metaKey: true }, 'pointer')).toBe(0x1a);
  expect(gameKey({ code: 'MetaLeft', ctrlKey: false, metaKey: true }, 'pointer')).toBe(0);
  expect(gameKey({ code: 'F5', ctrlKey: true, metaKey: false }, 'pointer')).toBe(0);
});

test('a key that the player has changed keeps its place in the browser', () => {
  const plain = { ctrlKey: false, metaKey: false };
  expect(gameKey({ code: 'ArrowUp', ...plain }, 'nothing', 'KeyW')).toBe(0x1a);
  expect(gameKey({ code: 'F5', ...plain }, 'pointer', 'KeyW')).toBe(0);
  expect(gameKey({ code: 'KeyW', ...plain }, 'nothing', 'F5')).toBe(0x3e);
  expect(gameKey({ code: 'F5', ...plain }, 'keyboard', 'KeyW')).toBe(0x1a);
});
