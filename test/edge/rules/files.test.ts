import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NearlightError } from '../../../host/base/errors.ts';
import { harmlessFacts } from '../../../host/edge/rules/facts.ts';
import { RuleFiles } from '../../../host/edge/rules/files.ts';
import { OCCASION_JOIN } from '../../../renderer/contract/rule.ts';
import { at } from '../../at.ts';
import { ManualClock } from '../../room/fake.ts';
import { eventually } from '../../wait.ts';
import { FakeEngine } from './fake-engine.ts';

const BYTES_MAX = 16;
let folder: string;
let engine: FakeEngine;
let lines: string[];
const open: RuleFiles[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-rule-files-'));
  engine = new FakeEngine();
  lines = [];
});
afterEach(async () => {
  for (const files of open.splice(0)) {
    await files.close();
    await Promise.all(files.rules.map((rule) => rule.close()));
  }
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string) => join(folder, name);

/** Replaces a file at once, as a careful operator does. */
function put(name: string, text: string): string {
  writeFileSync(file('new'), text);
  renameSync(file('new'), file(name));
  return file(name);
}

async function start(riskRules: string): Promise<RuleFiles> {
  const files = await RuleFiles.open({
    engine,
    clock: new ManualClock(),
    config: { riskRules, moduleBytesMax: BYTES_MAX },
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  open.push(files);
  return files;
}

const reason = async (files: RuleFiles, n = 0) =>
  (await at(files.rules, n).decide(harmlessFacts(OCCASION_JOIN))).reason;

test('rules are opened in the order of the setting, and named after their files', async () => {
  const files = await start(`closed:${put('b.wasm', 'one')},open:${put('a.wasm', 'two')}`);
  expect(files.rules.map(({ name }) => name)).toEqual(['b', 'a']);
  expect([await reason(files, 0), await reason(files, 1)]).toEqual(['one', 'two']);
  expect(lines[0]).toMatch(/^info rule b: decides \(.*b\.wasm, SHA-256 [0-9a-f]{12}, fails closed\)$/);
});

test('a file that changes replaces its rule, and one that is only touched does not', async () => {
  const files = await start(`open:${put('a.wasm', 'one')}`);
  put('a.wasm', 'two');
  await files.check();
  expect(await reason(files)).toBe('two');
  await eventually(() => expect(engine.running).toBe(2));
  const loaded = engine.instances.length;
  put('a.wasm', 'two');
  await files.check();
  await files.check();
  expect(engine.instances.length).toBe(loaded);
});

test('a link that leads to another folder replaces the rule, as Kubernetes updates the files of a ConfigMap', async () => {
  const [first, second] = [put('1', 'one'), put('2', 'two')];
  symlinkSync(first, file('a.wasm'));
  const files = await start(`open:${file('a.wasm')}`);
  symlinkSync(second, file('link'));
  renameSync(file('link'), file('a.wasm'));
  await files.check();
  expect(await reason(files)).toBe('two');
});

test('a new version that cannot be used is refused once with a clear line, and the old one goes on', async () => {
  const files = await start(`open:${put('a.wasm', 'one')}`);
  await eventually(() => expect(engine.running).toBe(2));
  engine.refusal = new NearlightError('NL_MODULE_INVALID', 'it is cut short');
  put('a.wasm', 'tw');
  await files.check();
  await files.check();
  const refusals = lines.filter((line) => line.includes('refused'));
  expect(refusals).toEqual([
    'error rule a: the new version is refused, and the old one goes on: NL_MODULE_INVALID: The file is not a valid WebAssembly module: it is cut short',
  ]);
  expect(await reason(files)).toBe('one');
  engine.refusal = undefined;
  put('a.wasm', 'two');
  await files.check();
  expect(await reason(files)).toBe('two');
});

test('a file that disappears leaves its rule as it is', async () => {
  const files = await start(`open:${put('a.wasm', 'one')}`);
  rmSync(file('a.wasm'));
  await files.check();
  expect(lines.at(-1)).toContain(`there is no file ${file('a.wasm')}; compile the rule, or correct RISK_RULES`);
  expect(await reason(files)).toBe('one');
});

test('a module may have as many bytes as MODULE_BYTES_MAX says, and not one more', async () => {
  const files = await start(`open:${put('a.wasm', 'x'.repeat(BYTES_MAX))}`);
  put('a.wasm', 'x'.repeat(BYTES_MAX + 1));
  await files.check();
  expect(lines.at(-1)).toContain('it has 17 bytes, and MODULE_BYTES_MAX allows 16');
  expect(await reason(files)).toBe('x'.repeat(BYTES_MAX));
});

test.each([
  ['A.wasm', 'rename it'],
  [`${'a'.repeat(33)}.wasm`, 'rename it'],
  ['gone.wasm', 'there is no file'],
  ['one.wasm', 'another rule is named one, too'],
])('the list with %s is refused, and no rule stays open', async (name, message) => {
  const first = put('one.wasm', 'one');
  if (name !== 'gone.wasm') put(name, 'one');
  await expect(start(`open:${first},closed:${file(name)}`)).rejects.toThrow(message);
  await eventually(() => expect(engine.running).toBe(0));
});

test('a name of 32 characters is accepted', async () => {
  const files = await start(`open:${put(`${'a'.repeat(32)}.wasm`, 'one')}`);
  expect(await reason(files)).toBe('one');
});
