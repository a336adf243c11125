import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Budget } from '../../assets/gltf/budget.ts';
import { modelAssets } from '../../assets/model.ts';
import { must } from '../../host/base/assert.ts';
import { readAssets } from '../../host/base/assets.ts';
import { HEADER_BYTES, HEADER_MAGIC, MODEL_MAGIC } from '../../renderer/contract/pack.ts';
import { models } from '../assets/models.ts';
import { Packed } from '../assets/packed.ts';

let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-packer-'));
  writeFileSync(join(folder, 'ball.glb'), await must(models.base, 'model')());
});

afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const main = join(import.meta.dirname, '../../host/cli/main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'pack', ...args], (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('the packer', () => {
  it('prints its help', async () => {
    const { status, stdout } = await run('--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^Packs a file for the assets of a game[\s\S]*Usage: npm start -- pack FILE[\s\S]*--texture-max/,
    );
  });

  it('writes the packed model beside the source, and prints its progress and a table of sizes', async () => {
    const { status, stdout, stderr } = await run(join(folder, 'ball.glb'), '--texture-max', '32');
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/mesh 1 of 1\n[\s\S]*texture 4 of 4\n/),
    });
    expect(stdout).toMatch(/2208 triangles[\s\S]*vertices +\d[\s\S]*source +55\.\d kB[\s\S]*ball\.nlmd\n$/);
    const model = new Packed(readFileSync(join(folder, 'ball.nlmd')));
    expect(model.word(HEADER_MAGIC)).toBe(MODEL_MAGIC);
    expect(model.word(HEADER_BYTES)).toBe(model.bytes.length);
  });

  it.each<[string[], number, RegExp]>([
    [[], 2, /NL_USAGE: .*give one model/],
    [['--fast'], 2, /NL_USAGE: .*--fast/],
    [['a.glb', '--texture-max', '3'], 2, /NL_USAGE: .*--texture-max 3 is not/],
    [['none.glb'], 44, /^pack: NL_MODEL: .*none\.glb: cannot be opened: ENOENT\n$/],
  ])('refuses %j with status %i', async (args, status, message) => {
    const result = await run(...args);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
  });
});

describe('modelAssets', () => {
  it('makes an asset pack with the asset "model", and packs the same file only once', async () => {
    const path = join(folder, 'unique.glb');
    const cache = join(folder, 'cache');
    writeFileSync(path, await must(models.modes, 'model')());
    const lines: string[] = [];
    const pack = await modelAssets(path, (line) => lines.push(line), cache);
    expect(lines[0]).toBe('packing unique.glb ...');
    const asset = must(readAssets(pack)[0], 'asset');
    expect(asset.name).toBe('model');
    expect(new Packed(pack.subarray(asset.offset, asset.offset + asset.bytes)).word(HEADER_MAGIC)).toBe(MODEL_MAGIC);
    const again: string[] = [];
    expect(await modelAssets(path, (line) => again.push(line), cache)).toEqual(pack);
    expect(again).toEqual([]);
  });

  it('refuses a file that is not a model', async () => {
    writeFileSync(join(folder, 'bad.glb'), 'no model');
    await expect(modelAssets(join(folder, 'bad.glb'), () => {})).rejects.toThrow(
      /NL_MODEL: .*bad\.glb: the file: is not glTF/,
    );
  });
});

it('a budget accepts a total up to its limit, and no more', () => {
  const budget = new Budget('things', 10);
  budget.take('a', 10);
  expect(() => budget.take('b[1]', 1)).toThrow('b[1]: brings the model to 11 things, more than the 10 allowed');
});
