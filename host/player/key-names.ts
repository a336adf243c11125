const ARROWS: Readonly<Record<string, string>> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→' };

/** Returns a short name for a key, as it stands on keyboards with the layout for English. @param code KeyboardEvent.code */
export function nameOfKey(code: string): string {
  const short = /^(?:Key|Digit)(.)$|^(Shift|Control|Alt|Meta)(?:Left|Right)$/.exec(code);
  return ARROWS[code] ?? short?.[1] ?? short?.[2] ?? code;
}
