import type { ControlSettings } from './controls.ts';

const ARROWS: Readonly<Record<string, string>> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→' };

/** Returns a short name for a key, as it stands on keyboards with the layout for English. @param code KeyboardEvent.code */
export function nameOfKey(code: string): string {
  const short = /^(?:Key|Digit)(.)$|^(Shift|Control|Alt|Meta)(?:Left|Right)$/.exec(code);
  return ARROWS[code] ?? short?.[1] ?? short?.[2] ?? code;
}

/**
 * Lets the key `pressed` alone stand for the key `key` of the game. In exchange, the key `key` does what `pressed` did before, so
 * that nothing in the game is out of reach.
 */
export function exchangeKey(controls: ControlSettings, pressed: string, key: string): void {
  const former = controls.keyFor(pressed);
  if (former === key) return;
  const isOther = ([one, other]: [string, string]) => one !== pressed && one !== key && other !== key;
  const others = Object.fromEntries(Object.entries(controls.values.keys).filter(isOther));
  controls.set({ keys: pressed === key ? others : { ...others, [pressed]: key, [key]: former } });
}

/** Returns the keys that now stand for a key of the game, all as KeyboardEvent.code. */
export function keysFor(controls: ControlSettings, key: string): string[] {
  const { keys } = controls.values;
  const changed = Object.keys(keys).filter((pressed) => keys[pressed] === key);
  return controls.keyFor(key) === key ? [key, ...changed] : changed;
}
