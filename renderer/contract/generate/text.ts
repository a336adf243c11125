/** Begins every generated file of code. */
export const NOTICE =
  '// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.\n';

/** "writeBuffer" as "WRITE_BUFFER". */
export function upperCase(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
}

/** "clamp-to-edge" as "clampToEdge". */
export function camelCase(text: string): string {
  return text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
