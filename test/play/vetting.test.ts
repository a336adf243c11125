import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { LAYERS, type Layer, maskOf } from '../../host/base/layers.ts';
import type { Log } from '../../host/base/log.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { Fault } from '../../host/gpu/reader.ts';
import { Overrun, type PipelineTrial, type Trial } from '../../host/gpu/vetting.ts';
import { driverIdentity } from '../../host/play/vet/driver.ts';
import { KnownShaders } from '../../host/play/vet/known.ts';
import type { StartTrial } from '../../host/play/vet/process.ts';
import { usageOf } from '../../host/play/vet/usage.ts';
import { VerdictFile } from '../../host/play/vet/verdicts.ts';
import { Vetting } from '../../host/play/vet/vetting.ts';
import { parentOf, startedAt } from '../../host/pod/process.ts';
import { openTestGpu } from '../gpu/fixture.ts';
import { BARRIERS, LOCAL } from '../hostile/shaders.ts';
import { eventually } from '../wait.ts';
import { standIn } from './trials.ts';

let gpu: Gpu;
const folder = mkdtempSync(join(tmpdir(), 'nearlight-vetting-'));
const open: Vetting[] = [];

beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterEach(() => {
  for (const vetting of open.splice(0)) vetting.close();
});
afterAll(() => {
  gpu.close();
  rmSync(folder, { recursive: true, force: true });
});

let folders = 0;
interface StartOptions {
  cacheDir?: string;
  stores?: boolean;
  shaderMsMax?: number;
  shaderMemoryBytesMax?: number;
  log?: Log;
  requiredLayers?: readonly Layer[];
  start?: StartTrial;
}

/** Opens a vetting that is closed after the test. */
function start(options: StartOptions = {}): Vetting {
  const vetting = make(options);
  open.push(vetting);
  return vetting;
}

function make(options: StartOptions): Vetting {
  const { cacheDir = join(folder, `${folders++}`), stores = true, log = () => {}, requiredLayers = LAYERS } = options;
  const { start, ...limits } = options;
  const config = { ...readConfig({}), shaderMsMax: 2000, shaderMemoryBytesMax: 256 * 2 ** 20, ...limits, cacheDir };
  const known = new KnownShaders({ identity: driverIdentity(gpu), folder: cacheDir, stores, log });
  return new Vetting({ known, config, log, requiredLayers, start });
}

const MAIN = '@compute @workgroup_size(1) fn main() {}';
const shader = (code: string): Trial => ({ kind: 'shaderModule', code });
const compute = (code: string, more: Partial<PipelineTrial> = {}): Trial => ({
  kind: 'computePipeline',
  codes: [code],
  layout: 'auto',
  descriptor: { compute: { module: 0 } },
  ...more,
});
const anyone = {};

describe('a trial', () => {
  /** For trials that leave their process as it was. A process takes longer to start than they take. */
  let shared: Vetting;
  beforeAll(() => {
    shared = make({});
  });
  afterAll(() => shared.close());

  /** Tries something harmless. Returns why it could not be used, if so. */
  async function unusedOf(digest: string, trial: Trial): Promise<string[]> {
    const before = shared.stats.unused.length;
    await shared.try(digest, trial, anyone);
    return shared.stats.unused.slice(before);
  }

  test('of a harmless shader is made once, and its digest is remembered', async () => {
    const vetting = start();
    const digest = vetting.digest(MAIN);
    expect(vetting.isHarmless(digest)).toBe(false);
    await vetting.try(digest, shader(MAIN), anyone);
    expect(vetting.isHarmless(digest)).toBe(true);
    await vetting.try(digest, shader(MAIN), anyone);
    expect(vetting.stats).toMatchObject({ trials: 1, processes: 1, unused: [] });
  });

  test('of a shader that WebGPU refuses finds it harmless', async () => {
    await shared.try('refused module', shader('fn x( {'), anyone);
    await shared.try('refused pipeline', compute('fn x( {'), anyone);
    expect(['refused module', 'refused pipeline'].map((digest) => shared.isHarmless(digest))).toEqual([true, true]);
  });

  test('uses a pipeline with bindings of every kind', async () => {
    const code = `
      struct Numbers { a: mat4x4f, b: vec4f }
      @group(0) @binding(0) var<uniform> numbers: Numbers;
      @group(0) @binding(1) var<storage, read> list: array<vec4f>;
      @group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>, 30000>;
      @group(0) @binding(3) var colours: texture_2d<f32>;
      @group(0) @binding(4) var filtering: sampler;
      @group(1) @binding(5) var depth: texture_depth_cube;
      @group(1) @binding(6) var comparing: sampler_comparison;
      @group(1) @binding(7) var samples: texture_multisampled_2d<f32>;
      @group(1) @binding(8) var layers: texture_2d_array<u32>;
      @group(1) @binding(9) var out: texture_storage_2d<rgba8unorm, write>;
      @group(3) @binding(9) var volume: texture_3d<i32>;
      @group(3) @binding(10) var cubes: texture_cube_array<f32>;
      @group(3) @binding(11) var line: texture_1d<f32>;
      @compute @workgroup_size(1) fn main() {
        var x = numbers.b + list[0] + textureSampleLevel(colours, filtering, vec2f(), 0) + textureLoad(samples, vec2i(), 0);
        x += vec4f(textureLoad(layers, vec2i(), 0, 0)) + vec4f(textureLoad(volume, vec3i(), 0)) + textureLoad(line, 0, 0);
        x += textureSampleLevel(cubes, filtering, vec3f(), 0, 0);
        x.x += textureSampleCompareLevel(depth, comparing, vec3f(), 0);
        atomicAdd(&counts[0], u32(x.x));
        textureStore(out, vec2i(), x);
      }`;
    expect(await unusedOf('bindings', compute(code))).toEqual([]);
  });

  test('uses a render pipeline with vertex buffers, several targets, samples, depth, stencil and dynamic offsets', async () => {
    const code = `
      @group(1) @binding(3) var<uniform> colour: vec4f;
      struct Colours { @location(0) a: vec4f, @location(2) b: vec4u }
      @vertex fn vs(@location(0) a: vec4f, @location(1) b: vec2f) -> @builtin(position) vec4f { return a + b.xyxy; }
      @fragment fn fs() -> Colours { return Colours(colour, vec4u(1)); }`;
    const buffer = (shaderLocation: number, format: string, stepMode: string) => ({
      arrayStride: 2048,
      stepMode,
      attributes: [{ shaderLocation, format, offset: 2032 }],
    });
    const trial: Trial = {
      kind: 'renderPipeline',
      codes: [code, code],
      layout: [null, [{ binding: 3, visibility: 2, buffer: { hasDynamicOffset: true } }]],
      descriptor: {
        vertex: { module: 0, buffers: [buffer(0, 'float32x4', 'vertex'), null, buffer(1, 'float32x2', 'instance')] },
        fragment: { module: 1, targets: [{ format: 'rgba8unorm' }, null, { format: 'rgba8uint' }] },
        primitive: { topology: 'triangle-strip', stripIndexFormat: 'uint32' },
        depthStencil: { format: 'depth24plus-stencil8', depthWriteEnabled: true, depthCompare: 'less' },
        multisample: { count: 4 },
      },
    };
    expect(await unusedOf('targets', trial)).toEqual([]);
  });

  test('does not run a shader that would not end', async () => {
    const endless = `@group(0) @binding(0) var<storage, read_write> data: array<atomic<u32>>;
      @compute @workgroup_size(1) fn main() { while (atomicLoad(&data[0]) == 0u) { atomicAdd(&data[1], 1u); } }`;
    expect(await unusedOf('endless', compute(endless))).toEqual([]);
  });

  test.each([
    ['too much time', LOCAL, { shaderMemoryBytesMax: 2 ** 32 }, /more than 2000 ms \(SHADER_MS_MAX\)/],
    ['too much memory', BARRIERS, { shaderMsMax: 600_000 }, /268435456 bytes.*\(SHADER_MEMORY_BYTES_MAX\)/],
  ])('that takes %s ends with its process, and other trials go on', async (_, code, limits, expected) => {
    const vetting = start(limits);
    const overran = expect(vetting.try('a', compute(code), {})).rejects.toThrow(expected);
    await vetting.try('b', shader(MAIN), {});
    await overran;
    expect(vetting.isHarmless('a')).toBe(false);
    await vetting.try('c', shader(MAIN), {});
  });

  test('that would keep the thread of all rooms for too long is an overrun', async () => {
    const overrides = Array.from({ length: 1500 }, (_, n) => `override o${n + 1} = o${n} * 1.01;`).join('\n');
    const code = `override o0 = 1.5;\n${overrides}\n@compute @workgroup_size(1) fn main() { var x = o1500; }`;
    const tried = start().try('a', shader(code), anyone);
    await expect(tried).rejects.toThrow(/keeps the thread of all games/);
    await expect(tried).rejects.toBeInstanceOf(Overrun);
  });

  test('checks the size of functions and structures first', async () => {
    const vetting = start();
    const functions = `fn f() {${' 1'.repeat(300_000)} }`;
    await expect(vetting.try('a', shader(functions), anyone)).rejects.toBeInstanceOf(Fault);
    const members = `struct S {${'a: u32,'.repeat(5000)} }`;
    await expect(vetting.try('b', shader(members), anyone)).rejects.toBeInstanceOf(Overrun);
    expect(vetting.stats.processes).toBe(1);
  });
});

test('rooms take turns, and the trials of a room that has ended are dropped', async () => {
  const vetting = start();
  const [greedy, other] = [{}, {}];
  const done: string[] = [];
  const ask = (owner: object, name: string) =>
    void vetting.try(vetting.digest(name), shader(`// ${name}`), owner).then(() => done.push(name));
  for (const name of ['a', 'b', 'c', 'd']) ask(greedy, name);
  for (const name of ['x', 'y']) ask(other, name);
  await eventually(() => expect(done).toContain('y'));
  expect(done.indexOf('y')).toBeLessThan(5);
  vetting.drop(greedy);
  const { trials } = vetting.stats;
  ask(greedy, 'e');
  await vetting.try('z', shader(MAIN), other);
  expect(done).not.toContain('e');
  expect(vetting.stats.trials).toBeLessThanOrEqual(trials + 2);
});

test('a trial process that ends during a trial is replaced, and the trial repeated once', async () => {
  const vetting = start();
  await vetting.try('a', shader(MAIN), anyone);
  const tried = vetting.try('b', compute(LOCAL), anyone);
  const [pid] = vetting.pids;
  await eventually(() => expect(usageOf(must(pid, 'pid'))?.cpuMs).toBeGreaterThan(0));
  process.kill(must(pid, 'pid'), 'SIGKILL');
  await expect(tried).rejects.toThrow('SHADER_MS_MAX');
  expect(vetting.stats.processes).toBe(2);
});

describe('the jail of a trial process', () => {
  /** Where namespaces are forbidden, these tests would show nothing. */
  const isRoot = process.getuid?.() === 0;
  const namespaces = (pid: number) =>
    ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'].map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));

  test.runIf(isRoot)(
    'is complete for every thread: no files, no capabilities, a filter and few descriptors',
    async () => {
      const vetting = start();
      await vetting.try('a', compute(MAIN), anyone);
      const pid = must(vetting.pids[0], 'pid');
      expect(readdirSync(`/proc/${pid}/root`)).toEqual([]);
      expect(readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n')).toHaveLength(1);
      const threads = readdirSync(`/proc/${pid}/task`);
      expect(threads.length).toBeGreaterThan(4);
      for (const thread of threads) {
        const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
        for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
          expect(status).toMatch(new RegExp(`^Cap${set}:\\t0+$`, 'm'));
        expect(status).toMatch(/^NoNewPrivs:\t1$/m);
        expect(status).toMatch(/^Seccomp:\t2$/m);
      }
      const own = namespaces(process.pid);
      for (const [n, name] of namespaces(pid).entries()) expect(name).not.toBe(own[n]);
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      // Memory, threads that wake each other, and the three streams: no file or folder of the node.
      expect(open.filter((name) => !/^(\/dev\/|pipe:|socket:|anon_inode:|\/memfd:)/.test(name))).toEqual([]);
      expect(open.filter((name) => name.startsWith('socket:'))).toHaveLength(3);
    },
  );

  const trials = (layers: readonly Layer[]) => standIn({ identity: driverIdentity(gpu), layers: maskOf(layers) });

  test('is required: without one of the layers, nothing is tried', async () => {
    const requiredLayers: Layer[] = ['seccomp', 'emptyRoot'];
    const weak = start({ start: trials(['seccomp']), requiredLayers });
    await expect(weak.try('a', shader(MAIN), anyone)).rejects.toThrow(/^NL_CONFINEMENT.*emptyRoot/);
    expect(weak.stats).toMatchObject({ trials: 0, processes: 1 });
    const lines: string[] = [];
    const log: Log = (_, line) => void lines.push(line);
    const enough = start({ start: trials(requiredLayers), requiredLayers, log });
    for (const name of ['a', 'b']) await enough.try(name, shader(MAIN), anyone);
    expect(lines).toEqual([
      expect.stringMatching(/^shaders are tried without these layers of confinement: userOrUid, n/),
    ]);
  });

  test('ends with its jailer, whatever ended that', async () => {
    const vetting = start();
    const ended = expect(vetting.try('a', compute(LOCAL), anyone)).rejects.toThrow(Overrun);
    const pid = await eventually(() => must(vetting.pids[0], 'pid'));
    process.kill(must(parentOf(pid), 'jailer'), 'SIGKILL');
    await eventually(() => expect(startedAt(pid)).toBeUndefined());
    await ended;
  });
});

describe('the file of verdicts', () => {
  const fileIn = (cacheDir: string) => join(cacheDir, must(readdirSync(cacheDir)[0], 'file'));
  const digest = (n: number) => Buffer.alloc(32, n).toString('base64');

  test('lets the next host do without a trial, and a third without writing to it', async () => {
    const cacheDir = join(folder, 'kept');
    const first = start({ cacheDir });
    await first.try(first.digest(MAIN), shader(MAIN), anyone);
    expect(statSync(fileIn(cacheDir))).toMatchObject({ size: 64 });
    const second = start({ cacheDir });
    expect(second.isHarmless(second.digest(MAIN))).toBe(true);
    const reader = start({ cacheDir, stores: false });
    await reader.try(reader.digest('fn f() {}'), shader('fn f() {}'), anyone);
    expect(statSync(fileIn(cacheDir))).toMatchObject({ size: 64 });
    // A host learns what another has added since it started.
    await second.try(second.digest('fn g() {}'), shader('fn g() {}'), anyone);
    expect(reader.isHarmless(reader.digest('fn g() {}'))).toBe(true);
  });

  test('is not believed where it is damaged, or was made on another driver', () => {
    const options = { folder: join(folder, 'sealed'), identity: 'a'.repeat(64), writable: true };
    const file = new VerdictFile(options);
    for (const n of [1, 2, 3]) file.add(digest(n));
    const path = fileIn(options.folder);
    const bytes = readFileSync(path);
    bytes[64] = 9;
    bytes[191] = (bytes[191] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const again = new VerdictFile(options);
    expect([1, 2, 3, 9].map((n) => again.has(digest(n)))).toEqual([true, false, false, false]);
    expect(new VerdictFile({ ...options, identity: 'b'.repeat(64) }).has(digest(1))).toBe(false);
  });

  test('with a record that is not complete goes on with the next', () => {
    const options = { folder: join(folder, 'torn'), identity: 'a'.repeat(64), writable: true };
    new VerdictFile(options).add(digest(1));
    appendFileSync(fileIn(options.folder), 'torn');
    new VerdictFile(options).add(digest(2));
    const file = new VerdictFile(options);
    expect([1, 2].map((n) => file.has(digest(n)))).toEqual([true, true]);
  });

  test('keeps the newer half when it is full', () => {
    const options = { folder: join(folder, 'full'), identity: 'a'.repeat(64), writable: true };
    const name = (n: number) => {
      const bytes = Buffer.alloc(32);
      bytes.writeUInt32LE(n);
      return bytes.toString('base64');
    };
    new VerdictFile(options).add(name(0));
    const path = fileIn(options.folder);
    const record = readFileSync(path);
    const records = Array.from({ length: 65_536 }, (_, n) => {
      const copy = Buffer.from(record);
      copy.writeUInt32LE(n);
      return copy;
    });
    writeFileSync(path, Buffer.concat(records));
    new VerdictFile(options).add(name(70_000));
    const file = new VerdictFile(options);
    expect(file.has(name(70_000))).toBe(true);
    expect(statSync(path).size).toBeLessThan(33_000 * 64);
  });

  test('that cannot be written costs one warning, and no more', async () => {
    const cacheDir = join(folder, 'file', 'below');
    writeFileSync(join(folder, 'file'), '');
    const lines: string[] = [];
    const vetting = start({ cacheDir, log: (_, line) => void lines.push(line) });
    for (const code of ['fn f() {}', 'fn g() {}']) {
      await vetting.try(vetting.digest(code), shader(code), anyone);
      expect(vetting.isHarmless(vetting.digest(code))).toBe(true);
    }
    expect(lines).toEqual([expect.stringMatching(/^verdicts on shaders cannot be stored: ENOTDIR/)]);
  });

  test('is not used if another user can write to it or to its folder', () => {
    const options = { folder: join(folder, 'shared'), identity: 'a'.repeat(64), writable: true };
    new VerdictFile(options).add(digest(1));
    chmodSync(fileIn(options.folder), 0o622);
    expect(new VerdictFile(options).has(digest(1))).toBe(false);
    chmodSync(options.folder, 0o777);
    expect(() => new VerdictFile(options)).toThrow(/^NL_SETTING.*CACHE_DIR/);
  });
});
