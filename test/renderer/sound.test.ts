import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAssetPack } from '../../assets/folder.ts';
import { packClip } from '../../assets/sound/packer.ts';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { framesOfTicks } from '../../host/base/sound.ts';
import type { Instance } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { buildModules } from '../../host/play/modules.ts';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'build/sounding.ts');
const path = join(root, 'build/sounding.test.wasm');
const TICK_RATE = 120;
const FRAMES = 400;

/** A game that plays sounds in one of several ways, which its seed chooses. */
const SOURCE = `
import { Game, loadSound, Mixer, play, Sound, State, synthesize, Wave } from '@nearlight/sdk';
export { audio, init, join, leave, load, render, save, tick, version } from '@nearlight/sdk/game';

class Sounding extends Game {
  mixer!: Mixer;
  way: i32 = 0;
  voice: u32 = 0;

  init(seed: u64, tickRate: u32, _seats: u32): void {
    this.way = <i32>seed;
    this.mixer = new Mixer(tickRate, this.way === 5 ? 2 : 32);
    const flat = new Sound(4800);
    for (let i = 0; i < 4800; i++) flat.samples[i] = 16384;
    this.mixer.add(flat);
    this.mixer.add(synthesize([{ wave: Wave.sine, from: 1000, volume: 0.5, attack: 0, hold: 0.012, release: 0 }], true));
    const sides = new Sound(480, 480, 2);
    for (let i = 0; i < 480; i++) {
      sides.samples[2 * i] = 8192;
      sides.samples[2 * i + 1] = -16384;
    }
    this.mixer.add(sides);
    this.mixer.add(synthesize([{ wave: Wave.saw, from: 200, to: 2000, volume: 0.9, hold: 0.3, cutoff: 3000, resonance: 0.5 }]));
    this.mixer.add(synthesize([{ wave: Wave.square, from: 500, attack: 0.01, hold: 0.2, release: 0.01, cutoff: 8000 }]));
    this.mixer.add(synthesize([{ wave: Wave.square, from: 500, attack: 0.01, hold: 0.2, release: 0.01, cutoff: 300 }]));
    const packed = loadSound('packed');
    if (packed !== null) this.mixer.add(packed);
  }

  tick(n: u32): void {
    const mixer = this.mixer;
    mixer.begin(n);
    if (this.way === 1 && n === 1) mixer.play(0);
    if (this.way === 2 && n === 0) {
      mixer.play(0, 1, 1, -1, 0);
      mixer.play(0, 1, 1, 1, 1);
    }
    if (this.way === 3) {
      if (n === 0) this.voice = mixer.play(1, 0.5);
      if (n === 20) mixer.bend(this.voice, 2);
      if (n === 40) mixer.stop(this.voice, 0.05);
    }
    if (this.way === 4) {
      mixer.listen(0, 0, 0, 0, 1, 0);
      mixer.listen(1, 0, 0, 0, -1, 0);
      mixer.listen(2, 16, 0, 0, 1, 0);
      mixer.listen(3, 100, 0, 0, 1, 0);
      if (n === 0) mixer.playAt(0, 4, 0, 0, 1, 1, 2, 60);
    }
    if (this.way === 5 && n === 0) {
      mixer.play(0, 0.1, 1, -1);
      mixer.play(0, 0.5, 1, 1);
      mixer.play(0, 0.3, 1, 1);
    }
    if (this.way === 6) for (let i = 0; i < 4; i++) mixer.play(3, 1, 1 + 0.1 * <f32>i);
    if (this.way === 7) {
      if (n % 7 === 0) mixer.playAt(3, <f32>(n % 5) - 2, 0, 1, 0.5, 1 + 0.01 * <f32>n);
      if (n === 3) this.voice = mixer.play(1, 0.2, 1.37);
      if (n % 30 === 10) mixer.fade(this.voice, 0.4, 0.1);
      if (n % 30 === 25) mixer.fade(this.voice, 0.1, 0.1);
      mixer.listen(0, Mathf.sin(<f32>n * 0.1), 0, 0, Mathf.cos(<f32>n * 0.05), Mathf.sin(<f32>n * 0.05));
    }
    if (this.way === 8 && n === 0) mixer.play(2, 1);
    if (this.way === 9 && n === 0) mixer.play(6, 1);
    if (this.way === 11 && n === 0) mixer.play(4, 1);
    if (this.way === 12 && n === 0) mixer.play(5, 1);
    if (this.way === 10 && n === 0) mixer.play(3, 0.5);
  }

  audio(seat: i32, frames: u32): usize {
    return this.mixer.mix(seat, frames);
  }

  state(state: State): void {
    this.voice = state.u32(this.voice);
    this.mixer.pass(state);
  }

  render(_seat: i32, _width: u32, _height: u32): void {}
}

play(new Sounding());
`;

let module: Uint8Array;
const open: Instance[] = [];
beforeAll(async () => {
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(source, SOURCE);
  const asc = join(root, 'node_modules/assemblyscript/bin/asc.js');
  const parameters = [asc, 'build/sounding.ts', '-o', 'build/sounding.test.wasm', '--target', 'release'];
  await promisify(execFile)(process.execPath, parameters, { cwd: root });
  module = new Uint8Array(readFileSync(path));
});
afterAll(() => {
  for (const file of [source, path]) rmSync(file, { force: true });
});
afterEach(async () => {
  for (const instance of open.splice(0)) await instance.close();
});

async function load(
  way: number,
  { tickRate = TICK_RATE, assets = new Uint8Array() as Uint8Array, code = module } = {},
): Promise<Instance> {
  const options = { limits: readConfig({}), seed: way, tickRate, seats: 4, assets, log: () => {} };
  const instance = await createJavaScriptEngine().load(code, options);
  open.push(instance);
  return instance;
}

/** Lets ticks pass. Returns what one seat hears, left and right. */
async function listen(instance: Instance, ticks: number, { seat = 0, from = 0, tickRate = TICK_RATE } = {}) {
  const [left, right]: [number[], number[]] = [[], []];
  for (let n = from; n < from + ticks; n++) {
    const { sound } = await instance.tick(n, { seats: [seat], frames: framesOfTicks(n, 1, tickRate) });
    const samples = must(sound, 'sound');
    for (let at = 0; at < samples.length; at += 2) {
      left.push(samples[at] ?? 0);
      right.push(samples[at + 1] ?? 0);
    }
  }
  return { left, right };
}

/** Number of times that a wave passes zero upwards. */
const waves = (samples: number[]) =>
  samples.filter((sample, n) => n > 0 && sample > 0 && (samples[n - 1] ?? 0) <= 0).length;
const loudest = (samples: number[]) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
const steepest = (samples: number[]) =>
  samples.reduce((most, sample, n) => Math.max(most, n === 0 ? 0 : Math.abs(sample - (samples[n - 1] ?? 0))), 0);
/** Returns the sample that the mixer's rounding-off makes of another. */
const rounded = (x: number) => (x * (27 + x * x)) / (27 + 9 * x * x);

describe('a mixer', () => {
  test('a sound begins with the tick in which it is played, and lasts as long as it is', async () => {
    const { left, right } = await listen(await load(1), 20);
    expect(left.slice(0, FRAMES)).toEqual(new Array(FRAMES).fill(0));
    const sounding = left.slice(FRAMES, FRAMES + 4799);
    expect(Math.min(...sounding)).toBeCloseTo(rounded(0.5 * Math.SQRT1_2), 4);
    expect(Math.max(...sounding)).toBeCloseTo(rounded(0.5 * Math.SQRT1_2), 4);
    expect(loudest(left.slice(FRAMES + 4800))).toBe(0);
    expect(right).toEqual(left);
  });

  test('a sound lasts as long at every tick rate, also one that does not divide the rate of sound', async () => {
    for (const tickRate of [60, 90, 144, 1000]) {
      const { left } = await listen(await load(1, { tickRate }), tickRate, { tickRate });
      expect(left).toHaveLength(48_000);
      expect(left.filter((sample) => sample > 0.1)).toHaveLength(4800);
    }
  });

  test('a sound may be for one player, and on one side', async () => {
    const first = await listen(await load(2), 2, { seat: 0 });
    const second = await listen(await load(2), 2, { seat: 1 });
    expect(loudest(first.left)).toBeGreaterThan(4 * loudest(first.right));
    expect(second).toEqual({ left: first.right, right: first.left });
    expect(loudest((await listen(await load(2), 2, { seat: 2 })).left)).toBe(0);
  });

  test('a loop has no seam, its pitch can be bent, and it fades out when it is stopped', async () => {
    const { left } = await listen(await load(3), 60);
    const [first, second] = [left.slice(0, 20 * FRAMES), left.slice(20 * FRAMES, 40 * FRAMES)];
    expect(Math.abs(waves(first) - 1000 / 6)).toBeLessThanOrEqual(1);
    expect(Math.abs(waves(second) - 2000 / 6)).toBeLessThanOrEqual(1);
    // A sine of 1000 Hz changes by 2 pi 1000 / 48000 of its loudness in a frame, at most.
    expect(steepest(first)).toBeLessThan(1.05 * loudest(first) * ((2 * Math.PI * 1000) / 48_000));
    expect(steepest(left)).toBeLessThan(1.05 * loudest(first) * ((2 * Math.PI * 2000) / 48_000));
    expect(loudest(left.slice(43 * FRAMES, 44 * FRAMES))).toBeGreaterThan(0.01);
    expect(loudest(left.slice(47 * FRAMES))).toBe(0);
  });

  test('a sound with a place comes from its side, and becomes quieter with the distance', async () => {
    const hear = async (seat: number) => listen(await load(4), 2, { seat });
    const [ahead, turned, behind, away] = [await hear(0), await hear(1), await hear(2), await hear(3)];
    expect(loudest(ahead.right)).toBeGreaterThan(3 * loudest(ahead.left));
    expect(turned.left.at(-1)).toBeCloseTo(must(ahead.right.at(-1), 'sample'), 5);
    expect(loudest(behind.left)).toBeGreaterThan(3 * loudest(behind.right));
    expect(loudest(behind.left)).toBeLessThan(0.4 * loudest(ahead.right));
    expect(loudest(behind.left)).toBeGreaterThan(0.1 * loudest(ahead.right));
    expect([loudest(away.left), loudest(away.right)]).toEqual([0, 0]);
  });

  test('if all voices play, the quietest one ends', async () => {
    const { left, right } = await listen(await load(5), 1);
    const gain = (pan: number) => Math.sqrt(0.5 * (1 + 0.9 * pan));
    expect(right.at(-1)).toBeCloseTo(rounded(0.5 * 0.8 * gain(1)), 4);
    expect(left.at(-1)).toBeCloseTo(rounded(0.5 * 0.8 * gain(-1)), 4);
  });

  test('however much sounds, no sample is clipped', async () => {
    const { left } = await listen(await load(6), 60);
    expect(loudest(left)).toBeGreaterThan(0.9);
    expect(left.filter((sample) => Math.abs(sample) >= 1).length).toBeLessThan(left.length / 2);
    expect(loudest(left)).toBeLessThanOrEqual(1);
  });

  test('a sound of two channels keeps its sides', async () => {
    const { left, right } = await listen(await load(8), 1);
    expect(left[100]).toBeCloseTo(rounded(0.25), 4);
    expect(right[100]).toBeCloseTo(rounded(-0.5), 4);
  });

  test('a packed sound plays at its own rate', async () => {
    const ramp = Float32Array.from({ length: 240 }, (_, n) => n / 480);
    const assets = createAssetPack([
      { name: 'packed', bytes: packClip({ rate: 24_000, channels: [ramp] }, { rate: 24_000, loop: false }).bytes },
    ]);
    const { left } = await listen(await load(9, { assets }), 2);
    expect(left[100]).toBeCloseTo(rounded((50 / 480) * Math.SQRT1_2), 3);
    expect(left[101]).toBeCloseTo(rounded((50.5 / 480) * Math.SQRT1_2), 3);
    expect(loudest(left.slice(480))).toBe(0);
  });

  test.each([
    ['is cut off', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1)],
    ['has another magic number', (bytes: Uint8Array) => bytes.fill(0, 0, 1)],
    ['has three channels', (bytes: Uint8Array) => bytes.fill(3, 12, 13)],
    ['returns to a frame after its end', (bytes: Uint8Array) => bytes.fill(255, 20, 21)],
    ['is empty', () => new Uint8Array()],
  ])('an asset that %s is refused, and ends the game', async (_, change) => {
    const { bytes } = packClip({ rate: 24_000, channels: [new Float32Array(240)] }, { rate: 24_000, loop: true });
    const assets = createAssetPack([{ name: 'packed', bytes: change(bytes) }]);
    await expect(load(9, { assets })).rejects.toThrow(/packed is not a packed sound/);
  });

  test('who listens, and when, changes neither what others hear nor the state', async () => {
    const [busy, quiet] = [await load(7), await load(7)];
    for (let n = 0; n < 50; n++) {
      await busy.tick(n, { seats: [0, 1, 3], frames: FRAMES });
      await quiet.tick(n);
    }
    expect(await busy.save()).toEqual(await quiet.save());
    expect(await listen(busy, 20, { from: 50 })).toEqual(await listen(quiet, 20, { from: 50 }));
  });

  test('a game that goes on from its saved state sounds as if it had never stopped', async () => {
    const first = await load(7);
    await listen(first, 41);
    const state = must(await first.save(), 'state');
    const second = await load(7);
    await second.restore(state);
    const expected = await listen(first, 60, { from: 41 });
    expect(loudest(expected.left)).toBeGreaterThan(0.05);
    expect(await listen(second, 60, { from: 41 })).toEqual(expected);
  });
});

describe('a synthesized sound', () => {
  test('rises in pitch as it should, fades to nothing, and has no click', async () => {
    const { left } = await listen(await load(10), 70);
    const [early, late] = [left.slice(0, 4800), left.slice(14_400, 19_200)];
    expect(waves(late)).toBeGreaterThan(2 * waves(early));
    expect(loudest(left)).toBeGreaterThan(0.15);
    expect(Math.abs(must(left[0], 'sample'))).toBeLessThan(0.01);
    expect(loudest(left.slice(0.5021 * 48_000))).toBe(0);
    expect(loudest(left.slice(0.49 * 48_000))).toBeLessThan(0.01);
  });
});

describe('the filter of a synthesized sound', () => {
  /** Returns how loud a frequency is, 1 for a sine of full scale. */
  const level = (samples: number[], hertz: number): number => {
    let [re, im] = [0, 0];
    for (const [n, sample] of samples.entries()) {
      re += sample * Math.cos((2 * Math.PI * hertz * n) / 48_000);
      im += sample * Math.sin((2 * Math.PI * hertz * n) / 48_000);
    }
    return (2 * Math.hypot(re, im)) / samples.length;
  };
  const middle = async (way: number) => (await listen(await load(way), 20)).left.slice(1920, 6720);

  test('leaves what is below its frequency, also at its highest, and invents nothing', async () => {
    const open = await middle(11);
    // A square wave has 4 / pi of its height at its frequency, and a third of that at three times the frequency.
    expect(level(open, 500)).toBeCloseTo(rounded(0.5 * Math.SQRT1_2 * (4 / Math.PI)), 1);
    expect(level(open, 1500) / level(open, 500)).toBeCloseTo(1 / 3, 1);
    expect(level(open, 23_750)).toBeLessThan(0.01);
  });

  test('removes what is above it', async () => {
    const [open, closed] = [await middle(11), await middle(12)];
    expect(level(closed, 1500)).toBeLessThan(0.15 * level(open, 1500));
    expect(level(closed, 4500)).toBeLessThan(0.02 * level(open, 1500));
  });
});

test('a game that uses no sound pays no byte for it', async () => {
  const [triangle] = await buildModules(['triangle']);
  const text = Buffer.from(readFileSync(must(triangle, 'triangle').path)).toString('latin1');
  expect(text).not.toContain('audio');
  expect(text).not.toContain('packed sound');
});
