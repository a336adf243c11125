import { expect, test } from 'vitest';
import { reachOf } from '../../../host/fleet/allocate/regions.ts';

const BOUNDS = { msMax: 80, ageSecondsMax: 300 };

/** Reads measurements such as `west:20` or, with an age in seconds, `west:20:301`. */
function player(...texts: string[]) {
  const latencies = texts.map((text) => {
    const [region = '', ms, age = '0'] = text.split(':');
    return { region, ms: Number(ms), ageSeconds: Number(age) };
  });
  return { latencies };
}

test('a region is near up to the bound, and the nearest comes first', () => {
  expect(reachOf([player('west:80', 'east:20', 'far:80.1')], BOUNDS)).toEqual({
    near: ['east', 'west'],
    measured: ['east', 'west', 'far'],
  });
});

test('a region is as far away as for the player for whom it is farthest', () => {
  const players = [player('west:10', 'east:50'), player('west:75', 'east:40')];
  expect(reachOf(players, BOUNDS).near).toEqual(['east', 'west']);
  expect(reachOf([...players, player('west:5', 'east:200')], BOUNDS).near).toEqual(['west']);
});

test('a region that one player has not measured does not count', () => {
  expect(reachOf([player('west:10', 'east:50'), player('east:60')], BOUNDS)).toEqual({
    near: ['east'],
    measured: ['east'],
  });
});

test('measurements that are too old count as none', () => {
  expect(reachOf([player('west:10:300')], BOUNDS).near).toEqual(['west']);
  expect(reachOf([player('west:10:300.1')], BOUNDS).near).toBeUndefined();
  expect(reachOf([player('west:10:301', 'east:90:1')], BOUNDS)).toEqual({ near: [], measured: ['east'] });
  expect(reachOf([player('west:10'), player('west:500:301')], BOUNDS).near).toEqual(['west']);
});

test('without measurements there is nothing to judge by', () => {
  expect(reachOf([player(), player()], BOUNDS)).toEqual({ near: undefined, measured: [] });
  expect(reachOf([player(), player('west:10')], BOUNDS).near).toEqual(['west']);
});
