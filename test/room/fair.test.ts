// Players of one host whose machine is too small, in simulated time.
import { describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { PixelBudget, type PixelGrant } from '../../host/room/pixels.ts';
import { FrameSchedule, phaseOf } from '../../host/room/schedule.ts';
import type { Picture } from '../../host/room/shares.ts';
import { at } from '../at.ts';

const WANTED = { width: 640, height: 360, fps: 60 };
const TICK_MS = 1000 / 120;
/** The cost of a picture beside its pixels. */
const PICTURE_MS = 0.5;

class SimulatedPlayer {
  readonly grant: PixelGrant;
  readonly frames: FrameSchedule;
  readonly wanted: Picture;
  drawn = 0;
  changes = 0;
  delaysMs: number[] = [];

  constructor(budget: PixelBudget, wanted: Picture, { seat, now }: { seat: number; now: number }) {
    this.wanted = wanted;
    this.grant = budget.grant(wanted);
    this.grant.onChange = () => this.changes++;
    this.frames = new FrameSchedule(wanted.fps, phaseOf(seat));
    this.frames.start(milli(now));
  }
}

/** A machine that draws one picture after the other, and as many pixels a millisecond as the test says. */
class Machine {
  readonly budget: PixelBudget;
  readonly players: SimulatedPlayer[] = [];
  pixelsPerMs: number;
  #now = 0;

  constructor({ limit, pixelsPerMs }: { limit: number; pixelsPerMs: number }) {
    this.budget = new PixelBudget(limit);
    this.pixelsPerMs = pixelsPerMs;
  }

  join(wanted: Picture = WANTED): SimulatedPlayer {
    const player = new SimulatedPlayer(this.budget, wanted, { seat: this.players.length, now: this.#now });
    this.players.push(player);
    return player;
  }

  leave(player: SimulatedPlayer): void {
    this.players.splice(this.players.indexOf(player), 1);
    player.grant.release();
  }

  /** Lets time pass as the loop of a game does. @returns the rate of each player */
  play(seconds: number): number[] {
    const end = this.#now + 1000 * seconds;
    for (const player of this.players) Object.assign(player, { drawn: 0, changes: 0, delaysMs: [] });
    while (this.#now < end) {
      let isIdle = true;
      for (const player of this.players) if (this.#draw(player)) isIdle = false;
      if (isIdle) this.#now = (Math.floor(this.#now / TICK_MS + 1e-9) + 1) * TICK_MS;
    }
    return this.players.map(({ drawn }) => drawn / seconds);
  }

  #draw(player: SimulatedPlayer): boolean {
    const { grant, frames, wanted } = player;
    const now = milli(this.#now);
    if (!frames.isDue(now)) return false;
    frames.setRate(wanted.fps, grant.fps);
    const due = frames.next;
    const missed = frames.advance(now);
    grant.count({ drawn: 1, missed, now });
    const { width, height } = grant.picture;
    this.#now += PICTURE_MS + (width * height) / this.pixelsPerMs;
    player.drawn++;
    player.delaysMs.push(this.#now - due);
    return true;
  }
}

const apart = (rates: number[]): number => Math.max(...rates) / Math.min(...rates);
const sum = (rates: number[]): number => rates.reduce((total, rate) => total + rate, 0);
const p99 = (delays: number[]): number =>
  at(
    delays.toSorted((a, b) => a - b),
    Math.floor(delays.length * 0.99),
  );

/** A machine that can draw what its budget says, and one that can draw half of it. */
const AMPLE = { limit: 42_000_000, pixelsPerMs: 80_000 };
const SMALL = { limit: 42_000_000, pixelsPerMs: 24_000 };

describe('on a machine that draws its budget in time', () => {
  test.each([1, 2, 3, 4, 5, 6, 8, 10, 16])('%i players get the same rate, without a pause or a miss', (count) => {
    const machine = new Machine(AMPLE);
    for (let player = 0; player < count; player++) machine.join();
    machine.play(5);
    const rates = machine.play(20);
    expect(apart(rates)).toBeLessThan(1.02);
    expect(Math.min(...rates)).toBeGreaterThanOrEqual(count <= 6 ? 59 : 29);
    for (const { changes, delaysMs } of machine.players) {
      expect(changes).toBe(0);
      expect(p99(delaysMs)).toBeLessThan(count <= 6 ? 16 : 33);
    }
  });
});

describe('on a machine that is late', () => {
  test.each([2, 4, 10])('%i players are slowed alike until their pictures come in time', (count) => {
    const machine = new Machine(SMALL);
    for (let player = 0; player < count; player++) machine.join();
    machine.play(30);
    const rates = machine.play(60);
    expect(apart(rates)).toBeLessThan(1.05);
    expect(sum(rates)).toBeGreaterThan(59);
    for (const { delaysMs } of machine.players) expect(p99(delaysMs)).toBeLessThan(60);
  });

  test('pictures change rarely once the machine has found what it can do', () => {
    const machine = new Machine(SMALL);
    for (let player = 0; player < 4; player++) machine.join();
    machine.play(120);
    machine.play(120);
    for (const { changes } of machine.players) expect(changes).toBeLessThanOrEqual(12);
  });

  test('all recover when the load of others on the machine is over', () => {
    const machine = new Machine(SMALL);
    for (let player = 0; player < 3; player++) machine.join();
    machine.play(30);
    machine.pixelsPerMs = AMPLE.pixelsPerMs;
    machine.play(120);
    for (const rate of machine.play(10)) expect(rate).toBeGreaterThan(59);
    for (const { grant } of machine.players) expect(grant.picture).toEqual(WANTED);
  });

  test('a player who is left alone gets everything', () => {
    const machine = new Machine({ ...SMALL, pixelsPerMs: 40_000 });
    const [first, second] = [machine.join(), machine.join()];
    machine.play(30);
    machine.leave(second);
    machine.play(4);
    expect(machine.play(5)[0]).toBeGreaterThan(59);
    expect(first.grant.picture).toEqual(WANTED);
  });

  test('a small tab and few pictures are not slowed down', () => {
    const machine = new Machine(SMALL);
    const large = [machine.join(), machine.join(), machine.join()];
    machine.join({ width: 160, height: 90, fps: 60 });
    machine.join({ width: 320, height: 180, fps: 10 });
    machine.play(60);
    const rates = machine.play(30);
    expect(apart(rates.slice(0, 3))).toBeLessThan(1.05);
    expect(rates[3]).toBeGreaterThan(50);
    expect(rates[4]).toBeGreaterThan(9);
    for (const { grant } of large) expect(grant.picture.width).toBeLessThan(640);
  });
});
