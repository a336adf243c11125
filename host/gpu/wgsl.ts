/**
 * A token, or the start of a block comment. Blankspace and line breaks are those of WGSL ("Blankspace and Line Breaks"), which are
 * not the ones of JavaScript: a comment ends at a vertical tab, for example.
 */
const TOKEN =
  /\/\/[^\n\v\f\r\u0085\u2028\u2029]*|\/\*|[\p{XIDS}_]\p{XIDC}*|\d[\w.]*|[^ \t\n\v\f\r\u0085\u200e\u200f\u2028\u2029]/gu;
const COMMENT = /\/\*|\*\//g;

/**
 * Calls `visit` with each token of a WGSL text and the index at which it begins, comments left out. A token is a name, a number or
 * one character. Takes time in proportion to the length of the text.
 */
export function scan(code: string, visit: (token: string, at: number) => void): void {
  const token = new RegExp(TOKEN);
  for (let found = token.exec(code); found; found = token.exec(code)) {
    const [text] = found;
    if (text === '/*') token.lastIndex = commentEnd(code, token.lastIndex);
    else if (!text.startsWith('//')) visit(text, found.index);
  }
}

/** Finds the end of a WGSL block comment that begins before `from`. Block comments nest (WGSL, "Comments"). */
function commentEnd(code: string, from: number): number {
  const mark = new RegExp(COMMENT);
  mark.lastIndex = from;
  for (let depth = 1; ; ) {
    const found = mark.exec(code);
    if (!found) return code.length;
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
}

/** A declaration with its own size, and the names of the declarations that it contains, one for each occurrence. */
export interface Declaration {
  size: number;
  contains: string[];
}

/**
 * Adds up the sizes of declarations, each with all that it contains. Returns the name of the first that exceeds `max`.
 * Takes time in proportion to the number of names, although a sum may be exponential in it.
 */
export function findLargerThan(max: number, declarations: ReadonlyMap<string, Declaration>): string | undefined {
  const sums = new Map<string, number>();
  const begun = new Set<string>();
  for (const root of declarations.keys()) {
    const path = [root];
    for (let name = path.at(-1); name !== undefined; name = path.at(-1)) {
      const { size, contains } = declarations.get(name) ?? { size: 0, contains: [] };
      if (!begun.has(name)) {
        // A declaration that contains itself adds nothing to its own sum. The compiler refuses such a declaration.
        begun.add(name);
        path.push(...new Set(contains.filter((part) => !begun.has(part))));
        continue;
      }
      path.pop();
      if (sums.has(name)) continue;
      const sum = contains.reduce((total, part) => total + (sums.get(part) ?? 0), size);
      if (sum > max) return name;
      sums.set(name, sum);
    }
  }
  return undefined;
}
