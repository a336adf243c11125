import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { END_MS_MAX, openGpu } from '../../host/gpu/dawn.ts';
import { tamePolling } from '../../host/gpu/polling.ts';
import { eventually } from '../wait.ts';

const silent = () => {};

describe('openGpu', () => {
  it('openGpu opens an adapter, and warns once if it is a software adapter', async () => {
    const log = vi.fn();
    const gpu = await openGpu({ hardwareRequired: false, log });
    expect(gpu.adapter.description).not.toBe('');
    expect(log.mock.calls.filter(([level]) => level === 'warn')).toHaveLength(gpu.software ? 1 : 0);
    expect(gpu.device.features.has('core-features-and-limits')).toBe(true);
    await Promise.all([gpu.close(), gpu.close()]);
    expect((await gpu.device.lost).reason).toBe('destroyed');
  });

  it('openGpu refuses a software adapter if hardware is required', async () => {
    const probe = await openGpu({ hardwareRequired: false, log: silent });
    await probe.close();
    const opening = openGpu({ hardwareRequired: true, log: silent });
    if (probe.software) await expect(opening).rejects.toThrow(/^NL_NO_GPU: .*GPU_ENABLED/);
    else await (await opening).close();
  });

  it('openGpu says what to install if there is no driver', async () => {
    // The Vulkan loader reads its environment only once, so this needs its own process.
    const dawn = fileURLToPath(new URL('../../host/gpu/dawn.ts', import.meta.url));
    const script = `const { openGpu } = await import(${JSON.stringify(dawn)});
      await openGpu({ hardwareRequired: false, log() {} }).catch((error) => console.log(error.message));`;
    const env = {
      ...process.env,
      VK_DRIVER_FILES: '/nonexistent.json',
      VK_ICD_FILENAMES: '/nonexistent.json',
    };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
    expect(stdout).toMatch(/^NL_NO_GPU: .*install/);
  });

  it('openGpu opens the null backend without a warning, and does not count it as hardware', async () => {
    const log = vi.fn();
    const gpu = await openGpu({
      hardwareRequired: false,
      log,
      backend: 'null',
    });
    const buffer = gpu.device.createBuffer({
      size: 16,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    await buffer.mapAsync(GPUMapMode.READ);
    expect(buffer.getMappedRange().byteLength).toBe(16);
    buffer.destroy();
    expect(gpu.software).toBe(true);
    expect(log).not.toHaveBeenCalled();
    await gpu.close();
    await expect(openGpu({ hardwareRequired: true, log, backend: 'null' })).rejects.toMatchObject({
      code: 'NL_NO_GPU',
    });
  });

  it('a GPU is closed when it has done its work, or after a while, because work need not end', async () => {
    const gpu = await openGpu({ hardwareRequired: false, log: silent, backend: 'null' });
    const work = Promise.withResolvers<undefined>();
    vi.spyOn(gpu.device.queue, 'onSubmittedWorkDone').mockReturnValue(work.promise);
    vi.useFakeTimers();
    const closed: string[] = [];
    const close = (name: string) => gpu.close().then(() => closed.push(name));
    const first = close('first');
    await vi.advanceTimersByTimeAsync(END_MS_MAX - 1);
    expect(closed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await first;
    const second = close('second');
    work.resolve(undefined);
    await second;
    expect([closed, vi.getTimerCount()]).toEqual([['first', 'second'], 0]);
    vi.useRealTimers();
  });

  it('an error of the GPU that no room has caused is logged', async () => {
    const log = vi.fn();
    const gpu = await openGpu({
      hardwareRequired: false,
      log,
      backend: 'null',
    });
    gpu.device.createBuffer({ size: 16, usage: 0 });
    await gpu.device.queue.onSubmittedWorkDone();
    await eventually(() => expect(log).toHaveBeenCalledWith('error', expect.stringContaining('GPU: ')));
    await gpu.close();
  });
});

describe('tamePolling', () => {
  it('tamePolling replaces setImmediate only once', () => {
    tamePolling();
    const first = globalThis.setImmediate;
    tamePolling();
    expect(globalThis.setImmediate).toBe(first);
  });

  it('tamePolling changes no use of setImmediate other than polls of the GPU', async () => {
    tamePolling();
    expect(await new Promise((resolve) => setImmediate((a, b) => resolve([a, b]), 1, 2))).toEqual([1, 2]);
    const called = vi.fn();
    clearImmediate(setImmediate(called));
    const bound = vi.fn();
    const immediate = setImmediate(bound.bind(undefined));
    expect(immediate.hasRef()).toBe(true);
    expect(await promisify(setImmediate)('value')).toBe('value');
    expect(called).not.toHaveBeenCalled();
    expect(bound).toHaveBeenCalledOnce();
  });

  it('tamePolling delays polls of the GPU by a timer after the first few', async () => {
    tamePolling();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    let polls = 0;
    const paced: number[] = [];
    await new Promise<void>((resolve) => {
      const poll = likeDawn(() => {
        paced.push(timers.mock.calls.length);
        if (++polls < 20) setImmediate(poll);
        else resolve();
      });
      setImmediate(poll);
    });
    timers.mockRestore();
    // The first four polls are immediate. Each later poll has a timer.
    expect(paced).toEqual(Array.from({ length: 20 }, (_, n) => Math.max(0, n - 3)));
  });

  it('tamePolling recognises the polls of Dawn', async () => {
    const gpu = await openGpu({ hardwareRequired: false, log: silent });
    const paced = globalThis.setImmediate;
    const polls = new Set<string>();
    globalThis.setImmediate = Object.assign((...args: Parameters<typeof paced>) => {
      polls.add(`${args[0].name}|${args[0].length}|${String(args[0])}`);
      return paced(...args);
    }, paced) as typeof paced;
    await gpu.device.queue.onSubmittedWorkDone();
    globalThis.setImmediate = paced;
    await gpu.close();
    const own = likeDawn(() => {});
    expect([...polls]).toContain(`${own.name}|${own.length}|${String(own)}`);
  });
});

/** A function that looks like the poll of Dawn: native, without a name or parameters. */
function likeDawn(call: () => void): () => void {
  const poll = () => call();
  return Object.defineProperties(poll, {
    name: { value: '' },
    toString: { value: () => 'function () { [native code] }' },
  });
}
