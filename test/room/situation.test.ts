import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { GameSituation, type SituationLimits } from '../../host/room/situation.ts';

const STEP_MS = 1000 / 120;

function begin(limits: SituationLimits = {}) {
  const changes: [isFight: boolean, ms: number][] = [];
  let now = 0;
  const situation = new GameSituation(limits, (isFight) => changes.push([isFight, now]));
  /** Lets steps pass, with actions at a rate. */
  const pass = (ms: number, actionsPerSecond = 0) => {
    const every = 1000 / actionsPerSecond;
    for (const end = now + ms; now < end; now += STEP_MS) {
      if (Math.floor(now / every) !== Math.floor((now - STEP_MS) / every)) situation.noteAction();
      situation.frame(milli(now));
    }
  };
  const step = () => {
    now += STEP_MS;
    situation.frame(milli(now));
  };
  return { situation, changes, pass, step };
}

test('a fight begins with the third consecutive step above twelve actions per second', () => {
  const { situation, step } = begin();
  step();
  for (let action = 0; action < 12; action++) situation.noteAction();
  for (let count = 0; count < 10; count++) step();
  expect(situation.isFight).toBe(false);
  situation.noteAction();
  step();
  step();
  expect(situation.isFight).toBe(false);
  step();
  expect(situation.isFight).toBe(true);
});

test('a rate that is above the limit for fewer steps than that changes nothing', () => {
  const { situation, changes, pass, step } = begin({ fightFramesMin: 121 });
  step();
  // These actions count for a second, which is 120 steps.
  for (let action = 0; action < 100; action++) situation.noteAction();
  pass(10_000);
  expect(changes).toEqual([]);
  const briefer = begin({ fightFramesMin: 110 });
  briefer.step();
  for (let action = 0; action < 100; action++) briefer.situation.noteAction();
  briefer.pass(10_000);
  expect(briefer.changes.map(([isFight]) => isFight)).toEqual([true, false]);
});

test('a fight ends below half of the rate, so a rate in between changes nothing', () => {
  const { situation, changes, pass } = begin();
  pass(3000, 10);
  expect(situation.isFight).toBe(false);
  pass(3000, 15);
  expect(situation.isFight).toBe(true);
  pass(10_000, 7);
  expect([situation.isFight, changes.length]).toEqual([true, 1]);
  pass(2000, 4);
  expect([situation.isFight, changes.length]).toEqual([false, 2]);
});

test('actions count for a second, also when the game stood still meanwhile', () => {
  const { situation, changes, pass } = begin();
  pass(2000, 20);
  expect(situation.isFight).toBe(true);
  const [[, beganAt] = [false, 0]] = changes;
  expect(beganAt).toBeLessThan(800);
  pass(1100);
  expect(situation.isFight).toBe(false);
  pass(1000, 20);
  situation.frame(milli(1e6));
  for (let count = 0; count < 3; count++) situation.frame(milli(1e6 + count));
  expect(situation.isFight).toBe(false);
});

test('the limits are those of the settings', () => {
  const { situation, pass } = begin({ fightActionsPerSecond: 40, fightFramesMin: 1 });
  pass(3000, 38);
  expect(situation.isFight).toBe(false);
  pass(3000, 45);
  expect(situation.isFight).toBe(true);
});
