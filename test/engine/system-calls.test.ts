import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { loadAddon } from '../../host/engine/wasmedge/addon.ts';
import { buildJailed, runJailed } from './jailed.ts';
import { ALLOWED, EPERM, type Reason } from './system-calls.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const program = join(folder, 'probe');
/** Arguments with which every system call is tried. They are invalid, so that a call that is allowed does no harm. */
const INVALID = ['0 0 0 0 0 0', '-1 -1 -1 -1 -1 -1'];
/** Numbers up to this one are tried, with a name or without. The kernel's table ends below 600. */
const NUMBER_MAX = 700;
/**
 * The calls uretprobe and uprobe, which the kernel puts into traced programs, and passes by every filter. Made by a program,
 * the first ends it with SIGILL, and the second fails with ENXIO.
 */
const UNFILTERED: Readonly<Record<number, string>> = { 335: 'allowed -4', 336: 'allowed 6' };
/** Bit of the numbers of the x32 ABI, under which x86-64 kernels offer the same calls again. */
const X32_BIT = 0x40000000;

beforeAll(async () => {
  await loadAddon();
  buildJailed('probe.cc', program);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The kernel's table of system calls: names by number, as the C library's headers define them. */
function systemCalls(): Map<number, string> {
  const text = execFileSync('c++', ['-E', '-dM', '-x', 'c++', '-'], {
    input: '#include <asm/unistd.h>',
    encoding: 'utf8',
  });
  const found = text.matchAll(/^#define __NR_(\w+) (\d+)$/gm);
  return new Map([...found].map(([, name = '', number]) => [Number(number), name]));
}

/** Tries system calls under the filter of a phase. Each try is a number and six arguments; the result has a line for each. */
async function tryCalls(phase: string, tries: readonly string[]): Promise<string[]> {
  const { stdout, status } = await runJailed([program, 'calls', phase, ...tries]);
  expect(status).toBe(0);
  const lines = stdout.trim().split('\n');
  expect(lines.length).toBe(tries.length);
  return lines;
}

/** The line for a call that a phase does not allow. */
const denied = (phase: string) => (phase === 'trial' ? `allowed ${EPERM}` : 'killed');

describe.runIf(process.arch === 'x64').each(Object.keys(ALLOWED) as (keyof typeof ALLOWED)[])(
  'the filter of phase %s',
  (phase) => {
    const reasons: Record<string, Reason> = ALLOWED[phase];
    const isDenied = (line: string) => line === denied(phase);

    test('allows the calls that the list explains, and no other', async () => {
      const names = systemCalls();
      const conditional = (name: string) => {
        const { allowed = [], killed = [] } = reasons[name]?.if ?? {};
        return [...allowed, ...killed];
      };
      const tries = Array.from({ length: NUMBER_MAX }, (_, number) => {
        const name = names.get(number) ?? `number ${number}`;
        return [...INVALID, ...conditional(name)].map((args) => ({ name, number, text: `${number} ${args}` }));
      }).flat();
      const lines = await tryCalls(
        phase,
        tries.map(({ text }) => text),
      );
      const outcomes = new Map<string, boolean[]>();
      for (const [index, { name, number }] of tries.entries()) {
        const line = must(lines[index], 'result');
        outcomes.set(name, [
          ...(outcomes.get(name) ?? []),
          isDenied(line) || line === 'killed' || line === UNFILTERED[number],
        ]);
      }
      const allowed = [...outcomes].filter(([, killed]) => killed.includes(false)).map(([name]) => name);
      const table = allowed.sort().map((name) => {
        const { if: condition, refused, why = '?' } = reasons[name] ?? {};
        const form = refused === undefined ? (condition?.text ?? 'always') : `fails with error ${refused}`;
        return `  ${name.padEnd(18)} ${form.padEnd(48)} ${why}`;
      });
      process.stdout.write(
        `System calls allowed in phase ${phase}, ${allowed.length} of ${names.size}:\n${table.join('\n')}\n`,
      );
      expect(allowed).toEqual(Object.keys(reasons).sort());
      for (const name of allowed) if (!reasons[name]?.if) expect(outcomes.get(name), name).not.toContain(true);
    });

    test('checks the arguments of the calls that it allows under a condition', async () => {
      const names = new Map([...systemCalls()].map(([number, name]) => [name, number]));
      const tries = Object.entries(reasons).flatMap(([name, { if: condition }]) => {
        const { allowed = [], killed = [] } = condition ?? {};
        const all = [
          ...allowed.map((args) => ({ args, killed: false })),
          ...killed.map((args) => ({ args, killed: true })),
        ];
        return all.map((each) => ({ ...each, name, text: `${must(names.get(name), name)} ${each.args}` }));
      });
      const lines = await tryCalls(
        phase,
        tries.map(({ text }) => text),
      );
      const results = tries.map(
        ({ name, args }, index) => `${name} ${args}: ${isDenied(must(lines[index], 'result')) ? 'killed' : 'allowed'}`,
      );
      expect(results).toEqual(
        tries.map(({ name, args, killed }) => `${name} ${args}: ${killed ? 'killed' : 'allowed'}`),
      );
    });

    test('refuses some calls with an error', async () => {
      const names = new Map([...systemCalls()].map(([number, name]) => [name, number]));
      const refused = Object.entries(reasons).filter(([, { refused }]) => refused !== undefined);
      if (refused.length === 0) return;
      const lines = await tryCalls(
        phase,
        refused.map(([name]) => `${names.get(name)} 1 0x5401 0 0 0 0`),
      );
      expect(lines).toEqual(refused.map(([, { refused }]) => `allowed ${refused}`));
    });

    test('allows no call of the x32 ABI', async () => {
      const numbers = Object.keys(reasons).map(
        (name) => [...systemCalls()].find(([, other]) => other === name)?.[0] ?? 0,
      );
      const lines = await tryCalls(
        phase,
        numbers.map((number) => `${X32_BIT + number} 0 0 0 0 0 0`),
      );
      expect(new Set(lines)).toEqual(new Set([denied(phase)]));
    });
  },
);
