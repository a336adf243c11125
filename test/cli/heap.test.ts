import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NODE_OPTIONS } from '../../host/pod/process.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Lets a Node process make 400 MiB of short-lived objects, and returns the size of its space of new objects in MiB. */
function newSpaceMib(options: readonly string[]): number {
  const script = `
    let kept = [];
    for (let n = 0; n < 8e6; n++) if (kept.push({ n, next: [n] }) > 40_000) kept = [];
    const space = require('v8').getHeapSpaceStatistics().find((found) => found.space_name === 'new_space');
    process.stdout.write(String(space.space_size));`;
  return Number(execFileSync(process.execPath, [...options, '-e', script], { encoding: 'utf8' })) / 2 ** 20;
}

describe('the memory of a process that streams:', () => {
  it("Node's options bound the space of new objects, which grows larger without them", () => {
    expect(newSpaceMib(NODE_OPTIONS)).toBeLessThanOrEqual(8);
    expect(newSpaceMib([])).toBeGreaterThan(16);
  });

  it('npm start and the installed program start hosts with the same options as a node does', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(scripts.start).toContain(`exec node ${NODE_OPTIONS.join(' ')} host/cli/main.ts`);
    for (const option of NODE_OPTIONS) expect(read('host/cli/nearlight.js')).toContain(`'${option}'`);
  });
});
