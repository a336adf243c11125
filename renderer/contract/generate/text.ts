/** First line of every generated source file. */
export const NOTICE =
  '// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.\n';

/** Returns a name in upper case with underscores: "WRITE_BUFFER" for "writeBuffer". */
export function upperCase(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
}

/** Returns a name with hyphens in camel case: "clampToEdge" for "clamp-to-edge". */
export function camelCase(text: string): string {
  return text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
