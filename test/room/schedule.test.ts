import { describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { FrameSchedule, phaseOf, TickSchedule } from '../../host/room/schedule.ts';
import { at } from '../at.ts';

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

describe('frames at a lower rate than the player wants', () => {
  /** Returns the slots, counted from 0, in which frames are due during some seconds at 60 slots a second. */
  function slots(fps: number, { phase = 0, seconds = 1 } = {}): number[] {
    const frames = new FrameSchedule(60, phase);
    frames.setRate(60, fps);
    frames.start(milli(1000));
    const due: number[] = [];
    for (frames.advance(frames.next); frames.next < 1000 + seconds * 1000 - 1; frames.advance(frames.next))
      due.push(Math.round(((frames.next - 1000) * 60) / 1000));
    return due;
  }

  test.each([30, 20, 15, 12, 1])('%d a second are evenly spaced', (fps) => {
    const due = slots(fps, { seconds: 600 });
    expect(due.length).toBeGreaterThanOrEqual(600 * fps - 1);
    const gaps = due.slice(1).map((slot, index) => slot - at(due, index));
    expect(new Set(gaps)).toEqual(new Set([60 / fps]));
  });

  test.each([59, 45, 32.4, 7])('%d a second are as even as slots allow', (fps) => {
    const due = slots(fps, { seconds: 100 });
    expect(Math.abs(due.length - 100 * fps)).toBeLessThanOrEqual(1);
    const gaps = new Set(due.slice(1).map((slot, index) => slot - at(due, index)));
    expect(gaps).toEqual(new Set([Math.floor(60 / fps), Math.ceil(60 / fps)]));
  });

  test.each([
    [2, 30],
    [4, 15],
    [3, 20],
  ])('players take turns: each of %d slots has its part of eight players at %d a second', (divisor, fps) => {
    const players = Array.from({ length: 8 }, (_, seat) => slots(fps, { phase: phaseOf(seat) }));
    for (let slot = 30; slot < 30 + divisor; slot++) {
      const drawn = players.filter((due) => due.includes(slot)).length;
      expect(drawn).toBeGreaterThanOrEqual(Math.floor(8 / divisor));
      expect(drawn).toBeLessThanOrEqual(Math.ceil(8 / divisor));
    }
  });

  test('a frame that is late by some slots is counted as the frames that were due in them', () => {
    const frames = new FrameSchedule(60);
    frames.setRate(60, 20);
    frames.start(milli(1000));
    frames.advance(milli(1000));
    const first = frames.next;
    expect(frames.dropIfOverdue(milli(first + 49))).toBe(false);
    expect(frames.advance(milli(first + 101))).toBe(2);
    expect(frames.next - first).toBeCloseTo(150);
    expect(frames.dropIfOverdue(milli(first + 201))).toBe(true);
    expect(frames.next - first).toBeCloseTo(200);
  });

  test('frames stay in their slots when the rate changes', () => {
    const frames = new FrameSchedule(60);
    frames.start(milli(7));
    for (const fps of [60, 45, 20, 60, 31, 60]) {
      frames.setRate(60, fps);
      for (let frame = 0; frame < 100; frame++) frames.advance(frames.next);
      expect(((frames.next - 7) * 60) / 1000).toBeCloseTo(Math.round(((frames.next - 7) * 60) / 1000), 6);
    }
  });
});
