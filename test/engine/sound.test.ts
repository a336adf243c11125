import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { canSound, framesOfTicks } from '../../host/base/sound.ts';
import type { Instance } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { AUDIO_FRAMES_MAX, AUDIO_RATE, SEATS_MAX } from '../../renderer/contract/abi.ts';
import { good, options, store, submit } from './modules.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const engines = [
  createWasmEdgeEngine({ cacheDir }),
  createWasmEdgeEngine({ cacheDir, interpreter: true }),
  createJavaScriptEngine(),
];

const MEMORY_BYTES = 65_536;
const SAMPLES = 8192;

/** A part that adds the export `audio` with this body, given as WAT. */
const audio = (body: string, fields = '') => ({
  fields: `${fields} (func (export "audio") (param i32 i32) (result i32) (local i32) ${body})`,
});

/** The body of `audio` that writes as many frames as it should; each sample is (1000 * seat + number of the sample) / 65536. */
const counting = `(loop $next
    (f32.store (i32.add (i32.const ${SAMPLES}) (i32.mul (local.get 2) (i32.const 4)))
      (f32.div (f32.convert_i32_u (i32.add (i32.mul (local.get 0) (i32.const 1000)) (local.get 2))) (f32.const 65536)))
    (br_if $next (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.mul (local.get 1) (i32.const 2)))))
  (i32.const ${SAMPLES})`;

/** Words of the f32 numbers that `audio` returns in a test, and the numbers that the host makes of them. */
const VALUES: readonly (readonly [word: number, sample: number])[] = [
  [0x3f000000, 0.5],
  [0x3f800000, 1],
  [0xbf800000, -1],
  [0x3f800001, 1],
  [0xbf800001, -1],
  [0x7f800000, 1],
  [0xff800000, -1],
  [0x7fc00000, 0],
  [0xffffffff, 0],
  [0x7f800001, 0],
  [0x00000001, 2 ** -149],
  [0x00000000, 0],
];

async function sound(instance: Instance, seats: number[], frames: number): Promise<number[]> {
  return [...must((await instance.tick(0, { seats, frames })).sound, 'sound')];
}

describe.each(engines)('$name', (engine) => {
  const run = (parts: Parameters<typeof good>[0], more: Partial<ReturnType<typeof options>> = {}) =>
    engine.load(good(parts), { ...options(), ...more });

  test('a tick mixes sound for each seat that listens, in the order of the seats', async () => {
    const instance = await run(audio(counting));
    expect(instance.hasSound).toBe(true);
    expect(await sound(instance, [0, 1], 2)).toEqual([0, 1, 2, 3, 1000, 1001, 1002, 1003].map((n) => n / 65536));
    expect(await sound(instance, [1], 1)).toEqual([1000 / 65536, 1001 / 65536]);
    expect((await instance.tick(0)).sound).toBeUndefined();
    expect((await instance.tick(0, { seats: [], frames: 2 })).sound).toBeUndefined();
    await instance.close();
  });

  test('all seats of the largest game can listen', async () => {
    const instance = await run(audio(counting), { seats: SEATS_MAX });
    const seats = Array.from({ length: SEATS_MAX }, (_, seat) => seat);
    expect(await sound(instance, seats, 1)).toEqual(
      seats.flatMap((seat) => [(1000 * seat) / 65536, (1000 * seat + 1) / 65536]),
    );
    expect(await sound(instance, [0, 31, 32, 63], 1)).toHaveLength(8);
    await instance.close();
  });

  test('samples that are no numbers or outside -1 to 1 become harmless', async () => {
    const words = VALUES.map(([word]) => word);
    const instance = await run(audio(`${store(SAMPLES, words)} (i32.const ${SAMPLES})`));
    expect(await sound(instance, [0], VALUES.length / 2)).toEqual(VALUES.map(([, sample]) => sample));
    await instance.close();
  });

  test('the address 0 stands for silence', async () => {
    const instance = await run(audio(`(if (i32.eqz (local.get 0)) (then (return (i32.const 0)))) ${counting}`));
    expect(await sound(instance, [1], 2)).toEqual([1000, 1001, 1002, 1003].map((n) => n / 65536));
    expect(await sound(instance, [0], 2)).toEqual([0, 0, 0, 0]);
    await instance.close();
  });

  test('frames may end exactly where linear memory ends', async () => {
    const instance = await run(audio(`(i32.const ${MEMORY_BYTES - 16})`));
    expect(await sound(instance, [0], 2)).toEqual([0, 0, 0, 0]);
    await instance.close();
  });

  test.each([
    ['ends past linear memory', MEMORY_BYTES - 12, /frames that audio returned lie outside/],
    ['lies far outside linear memory', -4, /frames that audio returned lie outside/],
    ['is not a multiple of 4', SAMPLES + 2, /not a multiple of 4/],
  ])('an address that %s ends the instance', async (_, address, error) => {
    const instance = await run(audio(`(i32.const ${address})`));
    await expect(instance.tick(0, { seats: [0], frames: 2 })).rejects.toThrow(error);
    expect((await instance.ended)?.code).toBe('NL_GUEST_PROTOCOL');
    await instance.close();
  });

  test('a trap in audio says so', async () => {
    const instance = await run(audio('(unreachable)'));
    await instance.tick(0);
    await expect(instance.tick(1, { seats: [0], frames: 1 })).rejects.toThrow(/^NL_GUEST_TRAP: .*in audio/);
    await instance.close();
  });

  test('audio may not submit commands', async () => {
    const instance = await run(audio(`${store(4096, [(1 << 16) | 1])} ${submit(4096, 4)} (i32.const 0)`));
    await expect(instance.tick(0, { seats: [0], frames: 1 })).rejects.toThrow(/submit: cannot be called during audio/);
    await instance.close();
  });

  test('what a tick submits comes with its sound', async () => {
    const tick = `${store(4096, [(1 << 16) | 1])} ${submit(4096, 4)}`;
    const instance = await run({ ...audio(counting), tick });
    const submission = await instance.tick(0, { seats: [1], frames: 1 });
    expect([...submission.commands]).toEqual([(1 << 16) | 1]);
    expect([...must(submission.sound, 'sound')]).toEqual([1000 / 65536, 1001 / 65536]);
    await instance.close();
  });

  test('a module without audio has no sound', async () => {
    const instance = await run({});
    expect(instance.hasSound).toBe(false);
    expect((await instance.tick(0, { seats: [0], frames: 1 })).sound).toBeUndefined();
    await instance.close();
  });

  test('an export audio of another type is refused', async () => {
    const module = run({ fields: '(func (export "audio") (param i32) (result i32) (i32.const 0))' });
    await expect(module).rejects.toThrow(/^NL_MODULE_EXPORT: .*"audio" is not a function \(i32, i32\) -> i32/);
  });
});

test('the blocks of all ticks of an hour have as many frames as an hour of sound, and never differ by more than one', () => {
  for (const tickRate of [10, 60, 90, 120, 144, 1000]) {
    let sum = 0;
    for (let tick = 0; tick < 3600 * tickRate; tick++) {
      const frames = framesOfTicks(tick, 1, tickRate);
      if (Math.abs(frames - AUDIO_RATE / tickRate) >= 1) throw new Error(`tick ${tick} has ${frames} frames`);
      sum += frames;
    }
    expect(sum).toBe(3600 * AUDIO_RATE);
  }
  expect(framesOfTicks(2 ** 32 - 1, 1, 120)).toBe(400);
});

test('a game that ticks at least ten times a second can have sound', () => {
  expect(framesOfTicks(0, 1, 10)).toBe(AUDIO_FRAMES_MAX);
  expect([canSound(9), canSound(10), canSound(1000)]).toEqual([false, true, true]);
});
