import { describe, expect, test } from 'vitest';
import { PlayerInput } from '../../host/room/input.ts';
import { InputStatistics } from '../../host/room/input-statistics.ts';
import {
  REACTION_BUCKET_MS,
  REACTION_BUCKETS,
  REACTION_MS_MAX,
  TURN_MS,
  TURN_PIXELS,
} from '../../renderer/contract/rule.ts';
import { ManualClock } from './fake.ts';

function start() {
  const clock = new ManualClock();
  clock.jump(10_000);
  const statistics = new InputStatistics(clock);
  let x = 0;
  /** Moves the locked pointer to the right by CSS pixels. */
  const move = (pixels: number) => {
    x += pixels * 16;
    statistics.move({ totalDx: x, totalDy: 0, locked: true });
  };
  move(0);
  return { clock, statistics, move };
}

describe('presses', () => {
  test('presses are counted with the mean and the deviation of their pauses', () => {
    const { clock, statistics } = start();
    for (const pauseMs of [0, 100, 300]) {
      clock.jump(pauseMs);
      statistics.press('key');
    }
    clock.jump(600);
    expect(statistics.take()).toMatchObject({ seconds: 1, actions: 3, pauseMeanMs: 200, pauseDeviationMs: 100 });
  });

  test('a summary begins where the one before it has ended', () => {
    const { clock, statistics } = start();
    statistics.press('key');
    clock.jump(2000);
    statistics.take();
    clock.jump(500);
    expect(statistics.take()).toMatchObject({ seconds: 0.5, actions: 0, actionsPeak: 0, pauseMeanMs: 0 });
  });

  test('the peak is the most presses within a second', () => {
    const { clock, statistics } = start();
    for (let n = 0; n < 20; n++) {
      statistics.press('button');
      clock.jump(100);
    }
    expect(statistics.take().actionsPeak).toBe(10);
    clock.jump(60_000);
    statistics.press('button');
    expect(statistics.take().actionsPeak).toBe(1);
  });
});

describe('turns', () => {
  test('a turn of TURN_PIXELS within TURN_MS is fast, and one pixel less is not', () => {
    const { clock, statistics, move } = start();
    move(TURN_PIXELS);
    clock.jump(10 * TURN_MS);
    move(TURN_PIXELS - 1);
    clock.jump(10 * TURN_MS);
    expect(statistics.take().turns).toBe(1);
  });

  test('a turn that begins and ends at rest within TURN_MS is impossible', () => {
    const { clock, statistics, move } = start();
    for (let n = 0; n < 3; n++) {
      move(400);
      clock.jump(10 * TURN_MS);
    }
    expect(statistics.take()).toMatchObject({ turns: 3, impossibleTurns: 3 });
  });

  test('a turn that a hand makes, with a slower beginning or end, is not impossible', () => {
    const { clock, statistics, move } = start();
    for (const parts of [
      [40, 400, 40],
      [0, 400, 40],
      [40, 400, 0],
    ]) {
      for (const part of parts) {
        move(part);
        clock.jump(TURN_MS);
      }
      clock.jump(10 * TURN_MS);
    }
    expect(statistics.take()).toMatchObject({ turns: 3, impossibleTurns: 0 });
  });

  test('a long fast turn counts as one', () => {
    const { clock, statistics, move } = start();
    for (let n = 0; n < 4; n++) {
      move(300);
      clock.jump(TURN_MS);
    }
    clock.jump(10 * TURN_MS);
    expect(statistics.take()).toMatchObject({ turns: 1, impossibleTurns: 0 });
  });

  test('a pointer that is not locked makes no turns, nor does the jump of the sums when it is locked again', () => {
    const { clock, statistics, move } = start();
    statistics.move({ totalDx: 1e6, totalDy: 0, locked: false });
    clock.jump(10 * TURN_MS);
    move(500);
    clock.jump(10 * TURN_MS);
    expect(statistics.take().turns).toBe(0);
  });

  test('sums of movement that wrap make no turn', () => {
    const { clock, statistics } = start();
    statistics.move({ totalDx: 0, totalDy: 0, locked: false });
    statistics.move({ totalDx: 2 ** 31 - 8, totalDy: 0, locked: true });
    statistics.move({ totalDx: -(2 ** 31) + 8, totalDy: 0, locked: true });
    clock.jump(10 * TURN_MS);
    expect(statistics.take().turns).toBe(0);
  });
});

describe('reactions', () => {
  test.each([
    [0, 0],
    [REACTION_BUCKET_MS - 1, 0],
    [REACTION_BUCKET_MS, 1],
    [REACTION_MS_MAX, REACTION_BUCKETS - 1],
  ])('a press %i ms after a fast turn counts in bucket %i', (ms, bucket) => {
    const { clock, statistics, move } = start();
    move(400);
    clock.jump(ms);
    statistics.press('button');
    statistics.press('button');
    const expected = Array(REACTION_BUCKETS).fill(0);
    expected[bucket] = 1;
    expect(statistics.take().reactions).toEqual(expected);
  });

  test('a press without a fast turn, one that is later, and a key are no reactions', () => {
    const { clock, statistics, move } = start();
    statistics.press('button');
    move(400);
    statistics.press('key');
    clock.jump(REACTION_MS_MAX + 1);
    statistics.press('button');
    expect(statistics.take().reactions).toEqual(Array(REACTION_BUCKETS).fill(0));
  });
});

describe("a player's input", () => {
  test('every press of a key, a button or a gamepad counts once, however it arrives', () => {
    const input = new PlayerInput(new ManualClock());
    input.key(4, true, 1);
    input.key(4, true, 2);
    input.key(4, false, 3);
    input.button(31, true, 4);
    input.padButton(0, 1, true, 5);
    input.padButton(0, 1, false, 6);
    const keys = new Uint32Array(8);
    keys[0] = 0b110;
    input.held({ keys, buttons: 0x80000001 | 0, hidden: false }, 7);
    input.held({ keys, buttons: 0x80000001 | 0, hidden: false }, 8);
    expect(input.statistics?.take().actions).toBe(6);
  });

  test('movement of the pointer counts', () => {
    const clock = new ManualClock();
    const input = new PlayerInput(clock);
    const state = { x: 0, y: 0, totalWheelX: 0, totalWheelY: 0, locked: true };
    input.pointer({ ...state, axes: [0, 0, 0, 0], totalDx: 0, totalDy: 0 }, 1);
    input.pointer({ ...state, axes: [0, 0, 0, 0], totalDx: 0, totalDy: 16 * 400 }, 2);
    clock.jump(1000);
    expect(input.statistics?.take().turns).toBe(1);
  });

  test('without a clock, nothing is counted', () => {
    expect(new PlayerInput().statistics).toBeUndefined();
  });
});
