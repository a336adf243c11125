import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { findCompiler } from '../../host/base/installed.ts';
import { commandOf } from '../../host/base/runtime.ts';
import type { Instance } from '../../host/engine/engine.ts';
import { usedRuntime, wasmEdgeFlags } from '../../host/engine/wasmedge/build.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import type { WasmEdgeInstance } from '../../host/engine/wasmedge/instance.ts';
import { ABI_VERSION } from '../../renderer/contract/abi.ts';
import { eventually, sleep } from '../wait.ts';
import { assemble, good, imports, options, text } from './modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const cacheDir = join(folder, 'cache');
const compiled = createWasmEdgeEngine({ cacheDir });
const engines = [compiled, createWasmEdgeEngine({ cacheDir, interpreter: true })];
const forever = '(loop $again (br $again))';
/** Limits under which a module can start as far as its endless loop, which takes some 5 ms, and is then stopped. */
const briefInit = options({ initMsMax: 500 }).limits;
/** Limits under which a module has plenty of time to start, and an endless call is soon stopped. */
const brief = options({ initMsMax: 600_000, callMsMax: 100 }).limits;

let neighbour: Instance;
let ticks = 0;
let ticking: Promise<void>;
let stopped = false;

beforeAll(async () => {
  neighbour = await compiled.load(good(), options());
  ticking = (async () => {
    while (!stopped) {
      await neighbour.tick(ticks++);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
});

afterAll(async () => {
  stopped = true;
  await ticking;
  await neighbour.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Lets a hostile module run, and checks that another instance keeps ticking meanwhile. */
async function beside(bad: () => Promise<void>): Promise<void> {
  const before = ticks;
  await bad();
  await eventually(() => expect(ticks).toBeGreaterThan(before + 5));
}

describe.each(engines)('$name', (engine) => {
  const load = (parts: Parameters<typeof good>[0], limits = brief) =>
    engine.load(good(parts), { ...options(), limits });

  test.each([
    ['a start function', { fields: `(start $s) (func $s ${forever})` }, 'the start function'],
    ['_initialize', { fields: `(func (export "_initialize") ${forever})` }, '_initialize'],
    ['version', { version: `(func (export "version") (result i32) ${forever} (unreachable))` }, 'version'],
    ['init', { init: `${forever} (unreachable)` }, 'init'],
  ])('%s that never returns is stopped', async (_, parts, where) => {
    await beside(() =>
      expect(load(parts, briefInit)).rejects.toThrow(
        new RegExp(`^NL_GUEST_TIMEOUT: .*${where} did not return in time`),
      ),
    );
  });

  test.each(['tick', 'render'] as const)('a %s that never returns is stopped', async (name) => {
    await beside(async () => {
      const instance = await load({ [name]: forever });
      const call = name === 'tick' ? instance.tick(0) : instance.render(0, 1, 1);
      await expect(call).rejects.toThrow(new RegExp(`^NL_GUEST_TIMEOUT: .*${name} did not return in time`));
      expect((await instance.ended)?.code).toBe('NL_GUEST_TIMEOUT');
      await expect(instance.tick(1)).rejects.toThrow('NL_GUEST_TIMEOUT');
      await instance.close();
    });
  });

  test('endless recursion is stopped', async () => {
    const limits = { ...options().limits, memoryBytesMax: 16 * 65536, callMsMax: 20_000 };
    const fields = `(func $deep (param i32) (if (local.get 0) (then
      (call $deep (i32.add (local.get 0) (i32.const 2)))
      (i32.store (i32.const 4096) (local.get 0)))))`;
    const instance = await load({ fields, tick: '(call $deep (i32.const 1))' }, limits);
    const code = engine.name === 'wasmedge' ? /^NL_GUEST_CRASH: .*endless recursion/ : /^NL_GUEST_(MEMORY|CRASH|TRAP)/;
    await beside(() => expect(instance.tick(0)).rejects.toThrow(code));
    await instance.close();
  });

  test("a module's memory cannot grow beyond its limit", async () => {
    const limits = { ...options().limits, memoryBytesMax: 32 * 2 ** 20 };
    const tick = `(loop $again
      (br_if $again (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))
      (memory.fill (i32.const 4096) (i32.const 1) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4096)))
      (unreachable))`;
    const instance = await load({ tick }, limits);
    await beside(() => expect(instance.tick(0)).rejects.toThrow(/^NL_GUEST_MEMORY: .*MEMORY_BYTES_MAX/));
    await instance.close();
  });

  test('a module can use all of the memory that its limit allows', async () => {
    const limits = { ...options().limits, memoryBytesMax: 64 * 2 ** 20 };
    const tick = `(if (i32.lt_s (memory.grow (i32.const 1023)) (i32.const 0)) (then (unreachable)))
      (memory.fill (i32.const 4096) (i32.const 1) (i32.const ${64 * 2 ** 20 - 4096}))`;
    const instance = await load({ tick }, limits);
    await instance.tick(0);
    await instance.close();
  });

  test('a guest process that is killed from outside ends only its own instance', async () => {
    const instance = (await load({})) as WasmEdgeInstance;
    await beside(async () => {
      process.kill(must(instance.pid, 'process'), 'SIGKILL');
      expect((await instance.ended)?.code).toBe('NL_GUEST_KILLED');
    });
    await expect(instance.tick(0)).rejects.toThrow('NL_GUEST_KILLED');
    await instance.close();
  });

  test('a call is rejected if its guest process is killed meanwhile', async () => {
    const instance = (await load({ tick: forever }, options().limits)) as WasmEdgeInstance;
    const call = instance.tick(0);
    process.kill(must(instance.pid, 'process'), 'SIGKILL');
    await expect(call).rejects.toThrow(/^NL_GUEST_KILLED: .*in tick/);
    await instance.close();
  });

  test('a guest process has a filter on system calls, few descriptors, and cannot gain privileges', async () => {
    const instance = (await load({})) as WasmEdgeInstance;
    const status = readFileSync(`/proc/${instance.pid}/status`, 'utf8');
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const fds = readdirSync(`/proc/${instance.pid}/fd`).map(Number);
    expect(fds.sort((a, b) => a - b)).toEqual([0, 1, 2, 4]);
    const limits = readFileSync(`/proc/${instance.pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
    expect(limits).toMatch(new RegExp(`^Max data size +${brief.memoryBytesMax + 96 * 2 ** 20} `, 'm'));
    await instance.close();
  });

  test('native code inside a module is never executed', async () => {
    const version = (n: number) => `(func (export "version") (result i32) (i32.const ${n}))`;
    const plain = (n: number) => assemble(text({ version: version(n) }).replace(imports, ''));
    const [carrier, honest] = [plain(7), plain(ABI_VERSION)];
    const [command = '', ...args] = buildTool();
    const path = (name: string) => join(folder, name);
    writeFileSync(path('carrier.wasm'), carrier);
    execFileSync(command, [...args, 'compile', path('carrier.wasm'), path('universal.wasm')]);
    const universal = readFileSync(path('universal.wasm'));
    const native = customSection(universal, 'wasmedge');
    const forged = Buffer.concat([honest, native]);
    writeFileSync(path('forged.wasm'), forged);
    expect(execFileSync(command, [...args, 'version', path('forged.wasm')]).toString()).toBe('7\n');
    const instance = await engine.load(forged, options());
    await instance.close();
  });
});

test('a call whose guest process gets no processor for longer than the limit is not out of time', async () => {
  const limits = options({ initMsMax: 600_000, callMsMax: 1000 }).limits;
  const instance = (await compiled.load(good(), { ...options(), limits })) as WasmEdgeInstance;
  const pid = must(instance.pid, 'process');
  process.kill(pid, 'SIGSTOP');
  const call = instance.tick(0);
  await sleep(1300);
  process.kill(pid, 'SIGCONT');
  await call;
  await instance.close();
});

test('fifty instances leave no descriptor, mapping or process behind', async () => {
  const engine = compiled;
  const bytes = good({ fields: '(data (i32.const 64) "x")' });
  await (await engine.load(bytes, options())).close();
  const count = () => ({
    fds: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'utf8').split('nearlight-mapping').length,
    children: readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').length,
  });
  const before = count();
  for (let n = 0; n < 10; n++) {
    const instances = await Promise.all(Array.from({ length: 5 }, () => engine.load(bytes, options())));
    await Promise.all(instances.map((instance) => instance.tick(0)));
    await Promise.all(instances.map((instance) => instance.close()));
  }
  const after = count();
  expect(after).toEqual({ ...before, fds: expect.any(Number) });
  // The number of descriptors may fall, because those of earlier tests may be closed meanwhile.
  expect(after.fds).toBeLessThanOrEqual(before.fds);
});

let tool: string[] | undefined;

/** Builds the program universal.cc at the first call; returns the command that starts it. */
function buildTool(): string[] {
  if (tool) return tool;
  const runtime = usedRuntime();
  const program = join(folder, 'universal');
  const flags = wasmEdgeFlags(runtime);
  execFileSync(findCompiler() ?? 'c++', [join(import.meta.dirname, 'universal.cc'), ...flags, '-o', program]);
  tool = commandOf(program, runtime);
  return tool;
}

/** Returns the bytes of a module's custom section of this name, with its header. */
function customSection(module: Buffer, name: string): Buffer {
  for (let at = 8; at < module.length; ) {
    const start = at;
    const id = module[at++];
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module.readUInt8(at++);
      size += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    if (id === 0 && module.toString('utf8', at + 1, at + 1 + name.length) === name)
      return module.subarray(start, at + size);
    at += size;
  }
  throw new Error(`no section ${name}`);
}
