import { readFile } from 'node:fs/promises';

/** A value to write to a file of a cgroup. */
export interface CgroupWrite {
  controller: string;
  name: string;
  value: string;
}

/** The number in a file; 0 if the file is missing or contains `max`. */
export async function readNumber(path: string): Promise<number> {
  return Number((await readFile(path, 'utf8').catch(() => '0')).trim()) || 0;
}

/** The numbers in a file with lines `name number`; empty if the file is missing. */
export async function readFields(path: string): Promise<Map<string, number>> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  return new Map(lines.map((line) => line.split(' ')).map(([name = '', value]) => [name, Number(value)]));
}
