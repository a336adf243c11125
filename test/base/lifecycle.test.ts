import { expect, test } from 'vitest';
import { SERVER_STATES, type ServerFacts, stateOf } from '../../host/base/lifecycle.ts';

const facts = (more: Partial<Omit<ServerFacts, 'seats'>> = {}, taken = 0, reserved = 0): ServerFacts => ({
  isRunning: true,
  isStarting: false,
  isDraining: false,
  seats: { all: 4, taken, reserved },
  ...more,
});

test.each<[string, ServerFacts]>([
  ['starting', facts({ isRunning: false, isStarting: true })],
  ['ended', facts({ isRunning: false })],
  ['ended', facts({ isRunning: false, isDraining: true })],
  ['ready', facts()],
  ['allocated', facts({}, 1)],
  ['allocated', facts({}, 1, 1)],
  ['allocated', facts({}, 3)],
  ['full', facts({}, 4)],
  ['full', facts({}, 4, 4)],
  ['draining', facts({ isDraining: true })],
  ['draining', facts({ isDraining: true }, 4)],
  ['ready', facts({ isStarting: true })],
])('a game server is %s with %j', (state, given) => {
  expect(stateOf(given)).toBe(state);
  expect(SERVER_STATES).toContain(state);
});
