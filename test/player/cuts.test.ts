import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PlayerClient } from '../../host/player/client.ts';
import { INPUT_AXES, INPUT_KEYS } from '../../renderer/contract/abi.ts';
import { Random } from '../random.ts';
import { Line, LinePeer } from './line.ts';

const CUTS = 2000;
const CUT_MS_MIN = 200;
const CUT_MS_MAX = 30_000;
const KEY = 26;
/** The host may hold what the page holds for this long after it has heard from the page for the last time. */
const HELD_MS_MAX = 1000;
/** From the line's return until pictures come and the key acts. */
const BACK_MS_MAX = 500;
/** Pictures come if the last one is younger than this. There are 20 a second. */
const PICTURE_MS_MAX = 110;

let line: Line;
let client: PlayerClient;
let pictureAt: number;
let show: VideoFrameRequestCallback | undefined;

beforeEach(async () => {
  vi.useFakeTimers();
  line = new Line();
  LinePeer.line = line;
  LinePeer.all = [];
  LinePeer.isFull = false;
  vi.stubGlobal('RTCPeerConnection', LinePeer);
  vi.stubGlobal('fetch', line.fetch);
  const video = {
    requestVideoFrameCallback: (next: VideoFrameRequestCallback) => {
      show = next;
      return 1;
    },
    cancelVideoFrameCallback: () => {
      show = undefined;
    },
  };
  let shown = 0;
  line.onPicture = (rtpTimestamp) => {
    pictureAt = performance.now();
    show?.(0, { rtpTimestamp, presentedFrames: ++shown } as VideoFrameCallbackMetadata);
  };
  client = new PlayerClient({ video: video as unknown as HTMLVideoElement });
  client.connect({});
  await vi.advanceTimersByTimeAsync(1000);
  expect(client.state.kind).toBe('playing');
});

afterEach(async () => {
  client.leave();
  await Promise.all([line.room.close(), vi.advanceTimersByTimeAsync(1000)]);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test(`a player keeps the seat through ${CUTS} cuts, nothing is held for long, and what is held acts again`, async () => {
  const random = new Random(11);
  const next = () => random.u32() / 2 ** 32;
  vi.spyOn(Math, 'random').mockImplementation(next);
  let cutAt = Number.POSITIVE_INFINITY;
  let isHolding = false;
  line.instance.onTick = (records) => {
    line.instance.calls.length = 0;
    isHolding = records.getUint32(INPUT_KEYS, true) !== 0 || records.getFloat32(INPUT_AXES, true) !== 0;
    if (isHolding) expect(performance.now() - cutAt).toBeLessThan(HELD_MS_MAX);
  };
  const backMs: number[] = [];
  /** Plays for a second. @returns the milliseconds until pictures came and the key acted for the rest of it */
  const untilBack = async (): Promise<number> => {
    const mendedAt = performance.now();
    let lackedAt = mendedAt;
    while (performance.now() < mendedAt + 1000) {
      await vi.advanceTimersByTimeAsync(10);
      const isBack = pictureAt > Math.max(mendedAt, performance.now() - PICTURE_MS_MAX) && isHolding;
      if (!isBack || client.state.kind !== 'playing') lackedAt = performance.now();
    }
    return lackedAt - mendedAt;
  };
  for (let cut = 0; cut < CUTS; cut++) {
    client.input.key(KEY, true);
    client.input.axis(0, 1);
    client.input.commit();
    await vi.advanceTimersByTimeAsync(100 + 1000 * next());
    expect(isHolding).toBe(true);
    const cutMs = CUT_MS_MIN * (CUT_MS_MAX / CUT_MS_MIN) ** next();
    cutAt = performance.now();
    line.cut();
    await vi.advanceTimersByTimeAsync(cutMs);
    line.mend();
    cutAt = Number.POSITIVE_INFINITY;
    backMs.push(await untilBack());
    expect(isHolding, `cut ${cut} of ${cutMs} ms`).toBe(true);
    if (cut % 3 === 0) client.input.key(KEY, false);
  }
  expect(new Set(line.seats)).toEqual(new Set([0]));
  expect(line.room.players).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  // Nothing is left over from the connections before.
  expect([line.connections.size, line.returns.held, line.admission.halfOpen]).toEqual([1, 0, 0]);
  expect(Math.max(...backMs)).toBeLessThan(BACK_MS_MAX);
});

test.each([[100], [150], [300]])('a page with a delay of %i ms each way comes back after a cut', async (latencyMs) => {
  line.latencyMs = latencyMs;
  line.cut();
  await vi.advanceTimersByTimeAsync(20_000);
  line.mend();
  const mendedAt = performance.now();
  await vi.advanceTimersByTimeAsync(14 * latencyMs + 1000);
  expect(pictureAt).toBeGreaterThan(mendedAt);
  expect(client.state.kind).toBe('playing');
  expect(new Set(line.seats)).toEqual(new Set([0]));
});

test.each([
  ['during a cut', 3000],
  ['for 5 s after it', 21_000],
])('a page comes back although the browser makes no further connection %s', async (_, fullMs) => {
  const cutMs = 16_000;
  line.cut();
  await vi.advanceTimersByTimeAsync(2000);
  LinePeer.isFull = true;
  setTimeout(() => {
    LinePeer.isFull = false;
  }, fullMs - 2000);
  await vi.advanceTimersByTimeAsync(cutMs - 2000);
  line.mend();
  await vi.advanceTimersByTimeAsync(Math.max(0, fullMs - cutMs) + 2 * BACK_MS_MAX);
  expect(client.state.kind).toBe('playing');
  expect(pictureAt).toBeGreaterThan(performance.now() - PICTURE_MS_MAX);
  expect(new Set(line.seats)).toEqual(new Set([0]));
});
