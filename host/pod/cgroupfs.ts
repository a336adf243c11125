/** Reads a file of a cgroup: its text, or undefined if it cannot be read. */
export type ReadFile = (path: string) => Promise<string | undefined>;

/** A value to write to a file of a cgroup. */
export interface CgroupWrite {
  controller: string;
  name: string;
  value: string;
}

/** The number in a file; 0 if the file is missing or contains `max`. */
export async function readNumber(read: ReadFile, path: string): Promise<number> {
  return Number((await read(path))?.trim()) || 0;
}

/** The numbers in a file with lines `name number`; empty if the file is missing. */
export async function readFields(read: ReadFile, path: string): Promise<Map<string, number>> {
  const lines = ((await read(path)) ?? '').split('\n');
  return new Map(lines.map((line) => line.split(' ')).map(([name = '', value]) => [name, Number(value)]));
}
