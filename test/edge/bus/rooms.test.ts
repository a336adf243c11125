import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import type { Bus, MatchResult } from '../../../host/base/bus.ts';
import { readConfig } from '../../../host/base/config.ts';
import { createBus } from '../../../host/edge/bus/bus.ts';
import type { Engine, Instance, Submission } from '../../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../../host/engine/wasmedge/engine.ts';
import type { Gpu } from '../../../host/gpu/dawn.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { Launch, launch } from '../../../host/play/launch.ts';
import { buildModules } from '../../../host/play/modules.ts';
import { Room } from '../../../host/room/room.ts';
import type { PlayerView } from '../../../host/room/view.ts';
import { hashSession, SessionHash } from '../../../host/session/hash.ts';
import { readRecording } from '../../../host/session/reader.ts';
import { recordingEngine } from '../../../host/session/recorder.ts';
import type { Player, PointerState } from '../../../host/stream/player.ts';
import { openTestGpu } from '../../gpu/fixture.ts';
import { fakeConnection, ManualClock } from '../../room/fake.ts';
import { service } from '../dependencies/services.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-bus-'));
const config = { ...readConfig({}), maxPlayers: 2, tickRate: 60 };
const assets = new Uint8Array();
const VIEW = { width: 640, height: 360, fps: 60 };
const POINTER: PointerState = {
  x: 0.5,
  y: 0.5,
  totalDx: 0,
  totalDy: 0,
  totalWheelX: 0,
  totalWheelY: 0,
  axes: [0, 0, 0, 0],
  locked: false,
};

let gpu: Gpu;
let module: Uint8Array;
let clock: ManualClock;
let bus: Bus;
let meters: Meters;
let rooms: Room[];

beforeAll(async () => {
  const [built] = await buildModules(['relay']);
  module = new Uint8Array(readFileSync(must(built, 'relay').path));
  gpu = await openTestGpu('null');
});
afterAll(async () => {
  await gpu.close();
  rmSync(cacheDir, { recursive: true, force: true });
});
beforeEach(() => {
  clock = new ManualClock();
  meters = new Meters();
  rooms = [];
  bus = createBus({ config, counts: meters.bus, log: () => {}, dependency: service('nats') });
});
afterEach(async () => {
  await Promise.all(rooms.map((room) => room.close()));
  await bus.close();
});

/** Wraps an engine so that everything that its instances submit is hashed. */
function hashed(engine: Engine, hash: SessionHash): Engine {
  const add = async (called: Promise<Submission>) => {
    const submission = await called;
    hash.add(submission);
    return submission;
  };
  return {
    name: engine.name,
    async load(given, options) {
      const instance = await engine.load(given, options);
      hash.add(instance.initial);
      const calls: Partial<Instance> = {
        join: (seat) => add(instance.join(seat)),
        leave: (seat) => add(instance.leave(seat)),
        tick: (tick, listening) => add(instance.tick(tick, listening)),
        async importPlayer(seat, state) {
          const imported = await instance.importPlayer(seat, state);
          hash.add(imported.submission);
          return imported;
        },
      };
      return new Proxy(instance, {
        get(target, name) {
          const value = calls[name as keyof Instance] ?? target[name as keyof Instance];
          return typeof value === 'function' ? (value as () => void).bind(target) : value;
        },
      });
    },
  };
}

/** A room of the relay, with what it logs, what it records, and the hash of what its module submits. */
async function open() {
  const log: string[] = [];
  const chunks: Uint8Array[] = [];
  const results: MatchResult[] = [];
  const hash = new SessionHash();
  const sink = { write: (bytes: Uint8Array) => void chunks.push(bytes), close: async () => {} };
  const engine = recordingEngine(hashed(createJavaScriptEngine(), hash), { name: 'relay', open: async () => sink });
  const launcher = new Launch({
    playable: { name: 'relay', module, assets },
    engine,
    gpu,
    config,
    session: { seed: 7, tickRate: config.tickRate, seats: config.maxPlayers },
    log: (level, message) => void log.push(`${level} ${message}`),
  });
  const room = new Room({
    ...(await launch(launcher)),
    name: 'relay',
    clock,
    config,
    meters,
    port: bus.open('relay'),
    sink: { record: (result) => void results.push(result) },
    createView: () => new Promise<PlayerView>(() => {}),
    log: launcher.log,
  });
  rooms.push(room);
  return { room, log, results, hash, recording: () => readRecording(Buffer.concat(chunks)) };
}

async function enter(room: Room): Promise<Player> {
  const player = room.accept(VIEW);
  player.onConnected(fakeConnection());
  await clock.pass(100);
  return player;
}

/** Has a player throw a ball to the right from the height of the middle. */
async function throwBall({ input }: Player, sequence: number): Promise<void> {
  input.pointer({ ...POINTER, x: 0.9 }, sequence);
  input.button(0, true, sequence);
  await clock.pass(50);
  input.button(0, false, sequence);
  await clock.pass(50);
}

describe('two rooms of a game in one process', () => {
  test('exchange messages, and the recording of each leads to the same commands on every engine', async () => {
    const [a, b] = [await open(), await open()];
    const [thrower, catcher] = [await enter(a.room), await enter(b.room)];
    expect([a.room.phase, b.room.phase]).toEqual(['active', 'active']);
    catcher.input.pointer({ ...POINTER, x: 0.05, y: 0.45 }, 1);
    for (let n = 1; n <= 5; n++) {
      await throwBall(thrower, n);
      await clock.pass(1500);
    }
    expect(a.log.filter((line) => line.includes('point'))).toEqual([
      'info another room has 1 point',
      ...[2, 3, 4, 5].map((n) => `info another room has ${n} points`),
    ]);
    expect(b.room.phase).toBe('ended');
    expect(b.room.status()).toMatchObject({ phase: 'ended' });
    expect(b.results).toMatchObject([{ game: 'relay', bytes: new TextEncoder().encode('{"seat":0,"points":5}') }]);
    expect(a.results).toEqual([]);
    expect(meters.bus.delivered).toBe(10);
    expect(Object.values(meters.bus.dropped)).toEqual([0, 0, 0, 0, 0]);

    const state = must(await exported(b.room), 'state');
    thrower.onClosed('page');
    await clock.pass(100);
    await enter(a.room);
    const moved = a.room.moves.import(0, state);
    await clock.pass(50);
    expect(await moved).toBe(true);
    expect(await exported(a.room)).toEqual(Uint8Array.of(1, 0, 0, 0, 4, 0, 0, 0));

    await Promise.all(rooms.map((room) => room.close()));
    const limits = readConfig({ CALL_MS_MAX: '60000', INIT_MS_MAX: '60000' });
    const engines = [
      createJavaScriptEngine(),
      createWasmEdgeEngine({ cacheDir }),
      createWasmEdgeEngine({ cacheDir, interpreter: true }),
    ];
    for (const { hash, recording } of [a, b]) {
      const live = hash.digest();
      expect(recording().complete).toBe(true);
      for (const engine of engines)
        expect(await hashSession(recording(), { engine, module, assets, limits, log: () => {} })).toBe(live);
    }
    expect(a.recording().calls.filter(({ kind }) => kind === 'import')).toHaveLength(1);
  });

  test('a room without its recorded messages does something else', async () => {
    const [a, b] = [await open(), await open()];
    const [thrower] = [await enter(a.room), await enter(b.room)];
    await throwBall(thrower, 1);
    await clock.pass(1500);
    await Promise.all(rooms.map((room) => room.close()));
    const recording = b.recording();
    const calls = recording.calls.filter(({ kind }) => kind !== 'reply');
    expect(calls.length).toBeLessThan(recording.calls.length);
    const options = { engine: createJavaScriptEngine(), module, assets, limits: config, log: () => {} };
    const live = b.hash.digest();
    expect(await hashSession(recording, options)).toBe(live);
    expect(await hashSession({ ...recording, calls }, options)).not.toBe(live);
  });

  test('the state of a player goes to no free seat, and a room that has ended has none', async () => {
    const { room } = await open();
    await enter(room);
    expect(await exported(room, 1)).toBeUndefined();
    const moved = room.moves.import(1, Uint8Array.of(1, 0, 0, 0, 4, 0, 0, 0));
    await clock.pass(50);
    expect(await moved).toBe(false);
    const large = room.moves.import(0, new Uint8Array(65_537)).catch((error: Error) => error.message);
    await clock.pass(50);
    expect(await large).toContain('NL_GUEST_PROTOCOL');
    expect(await exported(room)).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    await room.close();
    expect([await room.moves.export(0), await room.moves.import(0, new Uint8Array(8))]).toEqual([undefined, false]);
  });
});

async function exported(room: Room, seat = 0): Promise<Uint8Array | undefined> {
  const state = room.moves.export(seat);
  await clock.pass(50);
  return state;
}
