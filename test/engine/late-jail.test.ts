/** The jail of a program that has threads before it is complete: the program that tries shaders. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BASIC_LAYERS, LAYERS, layersIn } from '../../host/base/layers.ts';
import { buildJail, confinePath, jailerPath } from '../../host/engine/wasmedge/build.ts';
import { withoutNamespaces } from './jailed.ts';

const isRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const jailer = join(folder, 'jailer');
const addon = join(folder, 'confine.node');
const probe = [process.execPath, join(import.meta.dirname, 'late-probe.ts')];

beforeAll(async () => {
  await buildJail();
  for (const [from, to] of [
    [jailerPath, jailer],
    [confinePath, addon],
  ] as const)
    execFileSync('install', ['-m', '755', from, to]);
  execFileSync('chmod', ['755', folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Found {
  layers: number;
  results: Record<string, string>;
}

/** Runs the probe. The words of `prefix` start the command that runs it. */
function run(...command: string[]): Found {
  const [program = '', ...args] = command;
  const { stdout, stderr, status } = spawnSync(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return JSON.parse(stdout) as Found;
}

const trial = (...ids: string[]) => [jailer, 'trial', ...ids, ...probe, addon];
const asUser = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

/** The result of every attack in a jail. */
const HARMLESS = {
  'read /etc/passwd': 'ENOENT',
  'read /etc/passwd in a thread': 'ENOENT',
  'list the root': 'ENOENT',
  'find a program': 'ENOENT',
  'find its own program': 'ENOENT',
  'write a file': 'ENOENT',
  'read /proc': 'ENOENT',
  'open a socket': 'EPERM',
  'start a program': 'EPERM',
  'signal another process': 'EPERM',
};

test('without a jail, every attack succeeds', () => {
  const { results } = run(...probe);
  expect(results).toEqual(Object.fromEntries(Object.keys(HARMLESS).map((name) => [name, 'succeeded'])));
});

test.runIf(isRoot).each([
  ['root', trial('same', '0')],
  ['root, as a user of its own', trial('0', '0')],
  ['root, as another user with groups of its own', trial('1879048999', '1879048999,44,109')],
  ['an ordinary user', [...asUser, ...trial('same', '0')]],
])('has every layer when it is started by %s', (_, command) => {
  const { layers, results } = run(...command);
  expect(layersIn(layers)).toEqual(LAYERS);
  expect(results).toEqual(HARMLESS);
});

test.runIf(isRoot)('has the basic layers where namespaces are forbidden, and opens no file even there', () => {
  const { layers, results } = run(...withoutNamespaces, ...trial('same', '0'));
  expect(layersIn(layers)).toEqual(LAYERS.filter((layer) => BASIC_LAYERS.includes(layer)));
  expect(results).toEqual(HARMLESS);
});
