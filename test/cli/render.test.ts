import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AVMEDIA_TYPE_AUDIO } from 'node-av/constants';
import { Codec, CodecContext, FormatContext, Frame, Packet } from 'node-av/lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { ErrorCode } from '../../host/base/errors.ts';
import { run as render } from '../../host/cli/render.ts';
import { buildModules } from '../../host/play/modules.ts';
import { readRecordingFile } from '../../host/session/file.ts';
import { models } from '../assets/models.ts';
import { startHostProcess } from '../e2e/host.ts';
import { compare } from '../golden/compare.ts';
import { readImage } from '../golden/picture.ts';
import { Peer } from '../stream/peer.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'nearlight-render-'));
beforeAll(() => buildModules(['arena', 'sound', 'triangle']));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [join(root, 'host/cli/main.ts'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (said.stdout += text));
  child.stderr.on('data', (text) => (said.stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...said }));
  return { child, ended };
}

/** Decodes the left channel of the sound of a video file. */
async function hear(path: string): Promise<{ samples: number[]; rate: number }> {
  const context = new FormatContext();
  if ((await context.openInput(path, null, null)) < 0) throw new Error(`${path} is not a clip`);
  await context.findStreamInfo(null);
  const stream = must(
    context.streams.find(({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_AUDIO),
    'sound',
  );
  const decoder = new CodecContext();
  const codec = must(Codec.findDecoder(stream.codecpar.codecId) ?? undefined, 'decoder');
  decoder.allocContext3(codec);
  decoder.parametersToContext(stream.codecpar);
  if ((await decoder.open2(codec, null)) < 0) throw new Error('the sound cannot be decoded');
  const [packet, frame] = [new Packet(), new Frame()];
  packet.alloc();
  frame.alloc();
  const samples: number[] = [];
  for (let more = true; more; ) {
    more = (await context.readFrame(packet)) >= 0;
    if (more && packet.streamIndex !== stream.index) continue;
    await decoder.sendPacket(more ? packet : null);
    while ((await decoder.receiveFrame(frame)) >= 0) {
      const plane = must(frame.data?.[0], 'samples');
      for (let n = 0; n < frame.nbSamples; n++) samples.push(plane.readFloatLE(4 * n));
    }
    if (more) packet.unref();
  }
  packet.free();
  frame.free();
  decoder.freeContext();
  const rate = stream.codecpar.sampleRate;
  await context.closeInput();
  return { samples, rate };
}

const run = (...args: string[]): Promise<Ended> => start(args).ended;

/** Reads a video file: its size, the time stamps of its pictures in seconds, and its number of keyframes. */
async function probe(path: string): Promise<{ width: number; height: number; times: number[]; keyframes: number }> {
  const context = new FormatContext();
  if ((await context.openInput(path, null, null)) < 0) throw new Error(`${path} is not a clip`);
  await context.findStreamInfo(null);
  const stream = must(context.streams[0], 'video stream');
  const packet = new Packet();
  packet.alloc();
  const times: number[] = [];
  let keyframes = 0;
  while ((await context.readFrame(packet)) >= 0) {
    if (packet.streamIndex !== stream.index) continue;
    times.push((Number(packet.pts) * stream.timeBase.num) / stream.timeBase.den);
    keyframes += packet.isKeyframe ? 1 : 0;
    packet.unref();
  }
  const { width, height } = stream.codecpar;
  await context.closeInput();
  return { width, height, times, keyframes };
}

describe('a rendered picture', () => {
  it('of a game is a PNG of the requested size, and the same each time', async () => {
    const shot = (name: string, ...more: string[]) =>
      run('render', 'triangle', '-o', at(name), '--size', '160x90', ...more);
    const { code, stdout } = await shot('new folder/a.png');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/a\.png: 1 picture of 160x90 in \d/)]);
    await shot('b.png', '--engine', 'javascript');
    await shot('c.png', '--at', '3');
    const read = (name: string) => readImage(at(name));
    const [a, b, c] = await Promise.all([read('new folder/a.png'), read('b.png'), read('c.png')]);
    expect([a.width, a.height]).toEqual([160, 90]);
    expect(compare(a, b).maxDiff).toBe(0);
    expect(compare(a, c).differing).toBeGreaterThan(0.1);
    expect(Math.max(...a.pixels.slice(0, 3))).toBeLessThan(40);
  });

  it('in a series has its number in the file name', async () => {
    const { code } = await run('render', 'triangle', '-o', at('n/%03d.png'), '--size', '64x36', '--frames', '3');
    expect(code).toBe(0);
    const [first, last] = await Promise.all([readImage(at('n/000.png')), readImage(at('n/002.png'))]);
    expect(compare(first, last).maxDiff).toBeGreaterThan(0);
    expect([existsSync(at('n/001.png')), existsSync(at('n/003.png'))]).toEqual([true, false]);
  });
});

describe('a rendered clip', () => {
  it('has the requested pictures and size, and correct times', async () => {
    const { code, stdout } = await run(
      'render',
      'triangle',
      '-o',
      at('a.mp4'),
      '--size',
      '160x90',
      '--seconds',
      '1',
      '--fps',
      '30',
    );
    expect([code, stdout]).toEqual([0, expect.stringMatching(/a\.mp4: 30 pictures of 160x90 in /)]);
    const clip = await probe(at('a.mp4'));
    expect([clip.width, clip.height, clip.times.length, clip.keyframes]).toEqual([160, 90, 30, 1]);
    for (const [n, time] of clip.times.entries()) expect(time).toBeCloseTo(n / 30, 4);
  });

  it('has the sound of a game that has any, from its first picture to its last', async () => {
    const path = at('sound.mp4');
    const { code, stderr } = await run('render', 'sound', '-o', path, '--size', '64x36', '--seconds', '2');
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect((await probe(path)).times).toHaveLength(120);
    const { samples, rate } = await hear(path);
    expect(rate).toBe(48_000);
    expect(Math.abs(samples.length - 2 * rate)).toBeLessThan(0.05 * rate);
    // The hum of the example has 110 waves in a second.
    const second = samples.slice(rate / 2, rate / 2 + rate);
    const waves = second.filter((sample, n) => n > 0 && sample > 0 && (second[n - 1] ?? 0) <= 0).length;
    expect(Math.abs(waves - 110)).toBeLessThanOrEqual(2);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'that was interrupted by %s is playable up to that point, and the exit status is %i',
    async (signal, status) => {
      const name = `${signal}.mp4`;
      const { child, ended } = start(['render', 'triangle', '-o', at(name), '--size', '640x360', '--seconds', '3600']);
      await expect.poll(() => statSync(at(name), { throwIfNoEntry: false })?.size ?? 0).toBeGreaterThan(0);
      child.kill(signal);
      const { code, stderr } = await ended;
      expect(code).toBe(status);
      const [, count] = /stopped after (\d+) of 216000 pictures/.exec(stderr) ?? [];
      expect((await probe(at(name))).times.length).toBe(Number(count));
    },
  );
});

describe('a session that was recorded while it was played', () => {
  it('becomes a clip of what its player saw', async () => {
    const file = at('new folder of sessions/played.nlr');
    const host = await startHostProcess(['build/triangle.wasm', '--record', file], { SEED: '5' });
    const player = new Peer();
    try {
      await player.join(host.url);
      await expect.poll(async () => (await host.status()).rooms[0]?.ticks).toBeGreaterThan(240);
    } finally {
      player.close();
      await host.stop();
    }
    const { header, calls, complete } = await readRecordingFile(file);
    expect([header.name, header.seed, complete]).toEqual(['triangle', 5, true]);
    expect(header.gpu?.limits.length).toBeGreaterThan(10);
    const kinds = calls.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'join').length).toBe(1);
    expect(kinds.filter((kind) => kind === 'tick').length).toBeGreaterThan(240);
    const { code, stderr } = await run('render', file, '-o', at('played.mp4'), '--size', '160x90');
    expect([code, stderr.includes('was cut')]).toEqual([0, false]);
    const ticks = kinds.slice(kinds.indexOf('join')).filter((kind) => kind === 'tick').length;
    const { times } = await probe(at('played.mp4'));
    expect(Math.abs(times.length - ticks / 2)).toBeLessThanOrEqual(2);

    writeFileSync(at('cut.nlr'), readFileSync(file).subarray(0, -40));
    const cut = await run('render', at('cut.nlr'), '-o', at('cut.png'), '--size', '160x90');
    expect([cut.code, cut.stderr]).toEqual([0, expect.stringContaining('cut.nlr is cut off')]);
    const elsewhere = await run('render', file, '--seat', '7', '-o', at('no.png'));
    expect(elsewhere.stderr).toContain('--seat 7: no player has that seat in this session; taken: 0');
    const late = await run('inspect', file, '--frame', '100000');
    expect([late.code, late.stderr]).toEqual([2, expect.stringMatching(/--frame 100000: .* has \d+ pictures at 60 a/)]);
    const other = await run('render', file, '--module', 'build/arena.wasm', '-o', at('no.png'));
    expect([other.code, other.stderr]).toEqual([45, expect.stringMatching(/NL_RECORDING: .*recorded with the module/)]);
  });
});

describe('a recorded session of a model', () => {
  it('is replayed with the model, and refused without it', async () => {
    writeFileSync(at('ball.glb'), await must(models.base, 'model')());
    const host = await startHostProcess(['--model', at('ball.glb'), '--record', at('ball.nlr')]);
    const player = new Peer();
    try {
      await player.join(host.url);
      await expect.poll(async () => (await host.status()).rooms[0]?.ticks).toBeGreaterThan(180);
    } finally {
      player.close();
      await host.stop();
    }
    const without = await run('render', at('ball.nlr'), '-o', at('ball.png'), '--size', '160x90');
    expect([without.code, without.stderr]).toEqual([45, expect.stringMatching(/the assets .*--model/)]);
    const model = ['--model', at('ball.glb'), '--size', '160x90'];
    const picture = ['render', at('ball.nlr'), '-o', at('ball.png'), '--at', '0', ...model];
    expect((await run(...picture)).code).toBe(0);
    const { stdout } = await run('inspect', at('ball.nlr'), '--frame', '0', ...model);
    expect(stdout).toContain('render of seat 0');
    expect((await run('render', '--at', '0', '-o', at('alone.png'), ...model)).code).toBe(0);
  });
});

describe('a request that cannot be met', () => {
  writeFileSync(at('broken.nlr'), 'no recording');
  it.each<[string, string[], ErrorCode, string]>([
    ['an option', ['--nonsense'], 'NL_USAGE', "Unknown option '--nonsense'; render --help"],
    ['a size', ['--size', '15x16'], 'NL_USAGE', '--size 15x16: give WIDTHxHEIGHT, each from 16 to 4096'],
    ['a size, too large', ['--size', '4097x16'], 'NL_USAGE', '--size 4097x16: give'],
    [
      'an odd clip',
      ['--size', '17x16', '-o', 'a.mp4'],
      'NL_USAGE',
      "--size 17x16: a clip's width and height must be even",
    ],
    ['another format', ['-o', 'a.gif'], 'NL_USAGE', '-o a.gif: give a file that ends in .mp4 or .png'],
    ['no pace', ['--fps', '0'], 'NL_USAGE', '--fps 0: give a whole number from 1 to 1000'],
    ['a clip in one PNG', ['-o', 'a.png', '--frames', '2'], 'NL_USAGE', 'one file holds one picture'],
    ['two lengths', ['-o', 'a.mp4', '--frames', '2', '--seconds', '2'], 'NL_USAGE', '--frames and --seconds both set'],
    ['a seat', ['--seat', '1'], 'NL_USAGE', '--seat 1: no player has that seat without a session; taken: 0'],
    ['a length', ['--seconds', '-3', '-o', 'a.mp4'], 'NL_USAGE', '--seconds -3: give a number from 0.001 to 86400'],
    ['no length', ['--seconds', '--fps', '3'], 'NL_USAGE', '--seconds needs a value, but another option follows'],
    ['a seed of a session', ['a.nlr', '--seed', '4'], 'NL_USAGE', '--seed 4: a session uses the seed'],
    [
      'a model in a game',
      ['arena', '--model', 'a.glb'],
      'NL_USAGE',
      '--model can be combined with a session of a model only',
    ],
    ['a missing model', ['--model', at('none.glb')], 'NL_MODEL', 'none.glb: cannot be opened: ENOENT'],
    ['a module without its session', ['--module', 'a.wasm'], 'NL_USAGE', '--module names the module of a session'],
    ['two games', ['triangle', 'arena'], 'NL_USAGE', 'give one game, not'],
    [
      'a game',
      ['nothing'],
      'NL_MODULE_NOT_FOUND',
      'there is neither a file nor a game named nothing; give a .wasm file or one of',
    ],
    ['a recording', [at('broken.nlr')], 'NL_RECORDING', 'broken.nlr: byte 0: this is not a recording'],
  ])('%s', async (_, args, code, detail) => {
    await expect(render(args, {})).rejects.toMatchObject({ code, detail: expect.stringContaining(detail) });
  });

  it('a recording of two games', async () => {
    const { code, stdout, stderr } = await run('build/triangle.wasm', 'build/arena.wasm', '--record', at('two.nlr'));
    expect([code, stdout, existsSync(at('two.nlr'))]).toEqual([2, '', false]);
    expect(stderr).toContain('--record works with one module only');
  });

  it('a recording into a folder that cannot be written', async () => {
    const { code, stderr } = await run('build/triangle.wasm', '--port', '0', '--record', at('broken.nlr/x.nlr'));
    expect([code, stderr]).toEqual([45, expect.stringMatching(/NL_RECORDING: .*broken\.nlr\/x\.nlr: ENOTDIR/)]);
  });

  it('--help lists the options', async () => {
    const { code, stdout } = await run('render', '--help');
    expect(code).toBe(0);
    for (const option of ['--out', '--size', '--fps', '--seconds', '--frames', '--at', '--seat', '--seed', '--module'])
      expect(stdout).toContain(option);
  });
});
