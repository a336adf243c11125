/**
 * Maps `KeyboardEvent.code` to the usages of the USB HID keyboard page (0x07).
 * Sources: W3C UI Events KeyboardEvent code values; USB HID Usage Tables 1.5, section 10.
 * Keys that are not on the HID keyboard page are absent: media, browser and power keys, and telephone pads.
 */
export const KEYS: Readonly<Record<string, number>> = {
  ...run('KeyA KeyB KeyC KeyD KeyE KeyF KeyG KeyH KeyI KeyJ KeyK KeyL KeyM', 0x04),
  ...run('KeyN KeyO KeyP KeyQ KeyR KeyS KeyT KeyU KeyV KeyW KeyX KeyY KeyZ', 0x11),
  ...run('Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0', 0x1e),
  ...run('Enter Escape Backspace Tab Space Minus Equal BracketLeft BracketRight Backslash', 0x28),
  ...run('Semicolon Quote Backquote Comma Period Slash CapsLock', 0x33),
  ...run('F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 PrintScreen ScrollLock Pause', 0x3a),
  ...run('Insert Home PageUp Delete End PageDown ArrowRight ArrowLeft ArrowDown ArrowUp', 0x49),
  ...run('NumLock NumpadDivide NumpadMultiply NumpadSubtract NumpadAdd NumpadEnter', 0x53),
  ...run('Numpad1 Numpad2 Numpad3 Numpad4 Numpad5 Numpad6 Numpad7 Numpad8 Numpad9 Numpad0', 0x59),
  ...run('NumpadDecimal IntlBackslash ContextMenu', 0x63),
  ...run('NumpadEqual F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24 Open Help', 0x67),
  ...run('Select', 0x77),
  ...run('Again Undo Cut Copy Paste Find AudioVolumeMute AudioVolumeUp AudioVolumeDown', 0x79),
  ...run('NumpadComma', 0x85),
  ...run('IntlRo KanaMode IntlYen Convert NonConvert', 0x87),
  ...run('Lang1 Lang2 Lang3 Lang4 Lang5', 0x90),
  ...run('Abort', 0x9b),
  ...run('Props', 0xa3),
  ...run('NumpadParenLeft NumpadParenRight', 0xb6),
  ...run('NumpadBackspace', 0xbb),
  ...run('NumpadMemoryStore NumpadMemoryRecall NumpadMemoryClear NumpadMemoryAdd NumpadMemorySubtract', 0xd0),
  ...run('NumpadClear NumpadClearEntry', 0xd8),
  ...run('ControlLeft ShiftLeft AltLeft MetaLeft ControlRight ShiftRight AltRight MetaRight', 0xe0),
};

/** Maps a list of key codes to consecutive HID usages, beginning with `first`. */
function run(codes: string, first: number): Record<string, number> {
  return Object.fromEntries(codes.split(' ').map((code, index) => [code, first + index]));
}

const BROWSER_KEYS = new Set(['F5', 'F11', 'F12', 'MetaLeft', 'MetaRight']);

/**
 * Returns the HID usage of a key, or 0 if the key is not for the game. The browser keeps the keys for reload, full screen
 * and developer tools, and the Meta keys themselves. It also keeps those pressed together with Control or Meta, unless the game has
 * the mouse. It then lets go of all but a few: those that close or open tabs and windows, such as Ctrl+W, Ctrl+N and Ctrl+T, never
 * reach a page. The browser keeps no key if the page has locked the keyboard, which only works in full screen.
 * @param locked what the page has locked
 * @param key the key that the game gets, as KeyboardEvent.code
 */
export function gameKey(
  event: Pick<KeyboardEvent, 'code' | 'ctrlKey' | 'metaKey'>,
  locked: 'nothing' | 'pointer' | 'keyboard' = 'nothing',
  key = event.code,
): number {
  if (locked === 'keyboard') return KEYS[key] ?? 0;
  if (BROWSER_KEYS.has(event.code) || (event.metaKey && locked !== 'pointer')) return 0;
  const isCombination = event.ctrlKey && event.code !== 'ControlLeft' && event.code !== 'ControlRight';
  if (isCombination && locked !== 'pointer') return 0;
  return KEYS[key] ?? 0;
}
