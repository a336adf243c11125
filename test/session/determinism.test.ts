import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { framesOfTicks } from '../../host/base/sound.ts';
import type { Engine } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { buildModules } from '../../host/play/modules.ts';
import { digest } from '../../host/session/format.ts';
import { hashSession, SessionHash } from '../../host/session/hash.ts';
import { makeCall } from '../../host/session/replay.ts';
import { compile } from './compile.ts';
import { numbers } from './numbers.ts';
import { script } from './script.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-determinism-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const TICK_RATE = 120;
const SEATS = 4;
const limits = readConfig({ CALL_MS_MAX: '60000', INIT_MS_MAX: '60000' });
const assets = new Uint8Array();
const engines = [
  createWasmEdgeEngine({ cacheDir, cacheBytesMax: 2 ** 30 }),
  createWasmEdgeEngine({ cacheDir, cacheBytesMax: 2 ** 30, interpreter: true }),
  createJavaScriptEngine(),
];
const modules = new Map<string, Uint8Array>();

beforeAll(async () => {
  const [[arena, sound]] = await Promise.all([
    buildModules(['arena', 'sound']),
    compile('numbers', numbers).then((module) => modules.set('numbers', new Uint8Array(module))),
  ]);
  modules.set('arena', new Uint8Array(readFileSync(must(arena, 'arena').path)));
  modules.set('sound', new Uint8Array(readFileSync(must(sound, 'sound').path)));
});

/** Runs one session on every engine. Resolves with the hash of what it submitted on each. */
async function hashes(game: string, { seed, seconds }: { seed: number; seconds: number }): Promise<string[]> {
  const module = must(modules.get(game), 'module');
  const recording = {
    header: {
      name: game,
      module: await digest(module),
      assets: await digest(assets),
      seed,
      tickRate: TICK_RATE,
      seats: SEATS,
      gpu: { features: 0b1011, limits: [8192, 2048] },
    },
    calls: [...script({ seed, ticks: seconds * TICK_RATE, seats: SEATS })],
    complete: true,
  };
  const found: string[] = [];
  for (const engine of engines)
    found.push(await hashSession(recording, { engine, module, assets, limits, log: () => {} }));
  return found;
}

describe('the same seed and input lead to the same commands on WasmEdge, its interpreter and V8:', () => {
  const seen = new Set<string>();

  it.each([
    ['arena', 1],
    ['arena', 2 ** 40 + 5],
    ['numbers', 1],
    ['numbers', 2 ** 53 - 1],
  ])(
    '%s, seed %i',
    async (game, seed) => {
      const [compiled = '', interpreted, javascript] = await hashes(game, { seed, seconds: 2 });
      expect(interpreted).toBe(compiled);
      expect(javascript).toBe(compiled);
      expect(seen).not.toContain(compiled);
      seen.add(compiled);
    },
    120_000,
  );
});

/** The results of a session on one engine. The first three are hashes. */
interface Outcome {
  /** Hash of all sound that the players heard. */
  sound: string;
  submissions: string;
  state: string;
  loudest: number;
}

/** Plays a session. Every player hears it if `listens`. */
async function play(
  game: string,
  engine: Engine,
  { seconds, listens }: { seconds: number; listens: boolean },
): Promise<Outcome> {
  const module = must(modules.get(game), 'module');
  const options = { limits, assets, log: () => {}, seed: 11, tickRate: TICK_RATE, seats: SEATS };
  const instance = await engine.load(module, { ...options, gpu: { features: 0b1011, limits: [8192, 2048] } });
  const submissions = new SessionHash();
  const heard = createHash('sha256');
  const taken = new Set<number>();
  let loudest = 0;
  for (const call of script({ seed: 11, ticks: seconds * TICK_RATE, seats: SEATS })) {
    if (call.kind === 'join') taken.add(call.seat);
    if (call.kind === 'leave') taken.delete(call.seat);
    const seats = [...taken].sort((a, b) => a - b);
    const submission =
      call.kind === 'tick' && listens
        ? await instance.tick(call.tick, { seats, frames: framesOfTicks(call.tick, 1, TICK_RATE) })
        : await makeCall(instance, call);
    if (submission) submissions.add(submission);
    if (!submission?.sound) continue;
    heard.update(submission.sound);
    loudest = submission.sound.reduce((most, sample) => Math.max(most, Math.abs(sample)), loudest);
  }
  const state = must(await instance.save(), 'state');
  await instance.close();
  return {
    sound: heard.digest('hex'),
    submissions: submissions.digest(),
    state: createHash('sha256').update(state).digest('hex'),
    loudest,
  };
}

describe('all players hear the same, bit for bit, on WasmEdge, its interpreter and V8, and that changes nothing in the game:', () => {
  it.each(['arena', 'sound'])(
    '%s',
    async (game) => {
      const [compiled, ...others] = engines;
      const seconds = 3;
      const first = await play(game, must(compiled, 'engine'), { seconds, listens: true });
      expect(first.loudest).toBeGreaterThan(0.1);
      for (const engine of others) expect(await play(game, engine, { seconds, listens: true })).toEqual(first);
      const { submissions, state } = first;
      expect(await play(game, must(compiled, 'engine'), { seconds, listens: false })).toMatchObject({
        submissions,
        state,
      });
    },
    240_000,
  );
});
