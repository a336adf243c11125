import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** A value for a controller's file. */
export interface Write {
  controller: string;
  name: string;
  value: string;
}

/** A file's text; empty where it cannot be read. */
export function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A file of one number; 0 for one that is missing or says `max`. */
export async function number(path: string): Promise<number> {
  return Number((await readFile(path, 'utf8').catch(() => '0')).trim()) || 0;
}

/** A file of lines `name number`; empty for one that is missing. */
export async function fields(path: string): Promise<Map<string, number>> {
  const lines = await readFile(path, 'utf8').catch(() => '');
  return new Map(lines.split('\n').map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]));
}
