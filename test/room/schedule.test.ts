import { describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { FrameSchedule, TickSchedule } from '../../host/room/schedule.ts';

describe('ticks', () => {
  test('are due at a fixed rate', () => {
    const ticks = new TickSchedule(100, milli(1000));
    expect([ticks.isDue(milli(999.9)), ticks.isDue(milli(1000))]).toEqual([false, true]);
    expect(ticks.advance(milli(1000))).toBe(0);
    expect(ticks.next).toBe(1010);
  });

  test('ticks are made up for when they are up to 250 ms late, and skipped when they are later', () => {
    const ticks = new TickSchedule(100, milli(0));
    expect(ticks.advance(milli(260))).toBe(0);
    expect(ticks.next).toBe(10);
    expect(ticks.advance(milli(270.5))).toBe(25);
    expect(ticks.next).toBe(270);
  });

  test('ticks can be shifted, and restarted without making up for the pause', () => {
    const ticks = new TickSchedule(100, milli(0));
    ticks.shift(1.5);
    expect(ticks.next).toBe(1.5);
    ticks.restart(milli(9000));
    expect(ticks.next).toBe(9000);
  });
});

describe('frames', () => {
  const started = (fps: number): FrameSchedule => {
    const frames = new FrameSchedule(fps);
    frames.start(milli(100));
    return frames;
  };

  test('frames are due up to 1 ms early, so that they can follow a tick', () => {
    const frames = started(50);
    expect([frames.isDue(milli(98.9)), frames.isDue(milli(99))]).toEqual([false, true]);
  });

  test('frames that were missed are counted', () => {
    const frames = started(50);
    expect(frames.advance(milli(120))).toBe(0);
    expect(frames.next).toBe(120);
    expect(frames.advance(milli(140.1))).toBe(1);
    expect(frames.next).toBe(160);
  });

  test('a frame is given up if its view is still busy one interval later', () => {
    const frames = started(50);
    expect(frames.dropIfOverdue(milli(119.9))).toBe(false);
    expect(frames.dropIfOverdue(milli(120))).toBe(true);
    expect(frames.next).toBe(120);
  });

  test('at an infinite rate, a frame is due whenever the caller asks, and none is missed', () => {
    const frames = started(Number.POSITIVE_INFINITY);
    expect(frames.advance(milli(5000))).toBe(0);
    expect([frames.next, frames.isDue(milli(5000))]).toEqual([5000, true]);
  });

  test('frames move by a quarter of the difference from a slack of 3 ms, and at most by 2 ms', () => {
    expect(started(50).pace(milli(7), milli(0))).toBe(1);
    expect(started(50).pace(milli(11), milli(0))).toBe(2);
    expect(started(50).pace(milli(1000), milli(0))).toBe(2);
    expect(started(50).pace(milli(-1000), milli(0))).toBe(-2);
  });

  test('frames move in time at most every 400 ms', () => {
    const frames = started(50);
    expect(frames.pace(milli(7), milli(1000))).toBe(1);
    expect(frames.pace(milli(7), milli(1399))).toBeUndefined();
    expect(frames.pace(milli(7), milli(1400))).toBe(1);
    expect(frames.next).toBe(102);
  });
});
