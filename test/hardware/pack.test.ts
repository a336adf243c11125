import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { findRuntime } from '../../host/base/installed.ts';
import { makeProgram } from './pack.ts';
import type { PartResult } from './report.ts';

/*
 * Runs the hardware pack, which measures another machine's GPU, without its compression and outside of the checkout: run.sh
 * starts the same JavaScript, modules and data that the archive holds. A driver that renders in software replaces the GPU's.
 */

const root = join(import.meta.dirname, '../..');
const runtime = must(findRuntime(), 'private runtime');
const pack = mkdtempSync(join(tmpdir(), 'nearlight-hardware-'));
const data = join(pack, 'program/build/hardware/data');
const dawn = 'node_modules/webgpu/dist/linux-x64';

beforeAll(async () => {
  await makeProgram(join(pack, 'program'), () => {});
  symlinkSync(process.execPath, join(pack, 'node'));
  copyFileSync(join(root, 'test/hardware/run.sh'), join(pack, 'run.sh'));
  cpSync(join(root, dawn), join(pack, 'program', dawn), { recursive: true });
  mkdirSync(join(pack, 'program/lib'));
  copyFileSync(join(runtime.folder, 'graphics/lib/libvulkan.so.1'), join(pack, 'program/lib/libvulkan.so.1'));
  writeFileSync(join(pack, 'program/complete'), '');
});
afterAll(() => rmSync(pack, { recursive: true, force: true }));

interface Ended {
  status: number;
  text: string;
  parts: PartResult[];
}

/** Runs parts of the hardware measurements as an operator does, without the environment variables of this machine. */
function run(out: string, ...parts: string[]): Promise<Ended> {
  const environment = { PATH: process.env.PATH, VK_DRIVER_FILES: runtime.driverManifest };
  return new Promise((resolve) => {
    execFile('sh', ['run.sh', out, ...parts], { cwd: pack, env: environment }, (error, text) => {
      const results = JSON.parse(readFileSync(join(pack, out, 'results.json'), 'utf8')) as { parts: PartResult[] };
      resolve({ status: Number(error?.code ?? 0), text, parts: results.parts });
    });
  });
}

test('the packed program runs outside of the checkout and finds nothing broken', async () => {
  const { status, text, parts } = await run('good', 'adapter', 'afterwards');
  expect(text).toMatch(/Nothing is broken in \d+ s/);
  expect(status).toBe(0);
  expect(parts.map(({ name }) => name)).toEqual(['adapter', 'afterwards']);
  const figures = parts.flatMap(({ findings }) => findings.filter(({ kind }) => kind === 'figure'));
  expect(figures.length).toBeGreaterThan(4);
  expect(readFileSync(join(pack, 'good/table.txt'), 'utf8')).toBe(text);
});

test('a picture that differs from its golden picture is reported as broken and written to a file', async () => {
  const golden = join(data, 'triangle.rgba');
  const pixels = readFileSync(golden);
  writeFileSync(
    golden,
    pixels.map((value, at) => (at % 4 === 3 ? value : 255 - value)),
  );
  const { status, text } = await run('different', 'goldens');
  writeFileSync(golden, pixels);
  expect(status).toBe(1);
  expect(text).toMatch(/BROKEN {3}scene triangle: mean/);
  expect(text).toMatch(/ok {7}scene arena: mean/);
  const picture = readFileSync(join(pack, 'different/triangle-difference.png'));
  expect(picture.subarray(1, 4).toString()).toBe('PNG');
});

test('a part of the measurements that fails leaves the results of the others', async () => {
  rmSync(join(data, 'greedy.wasm'));
  const { status, text, parts } = await run('failing', 'memory', 'afterwards');
  expect(status).toBe(1);
  expect(text).toMatch(/BROKEN:\n {2}memory: it ended with 1; .*greedy/);
  const [memory, afterwards] = parts;
  expect(memory?.findings).toMatchObject([{ kind: 'check', ok: true }]);
  expect(memory?.failure).toMatch(/no such file/);
  expect(afterwards?.failure).toBeUndefined();
});
