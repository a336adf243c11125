import { beforeEach, expect, test, vi } from 'vitest';
import { Rumble } from '../../host/player/rumble.ts';

const actuator = { playEffect: vi.fn(async () => {}), reset: vi.fn(async () => {}) };
const vibrate = vi.fn(() => true);
let gamepad: unknown;
let isTouch: boolean;
let rumble: Rumble;

beforeEach(() => {
  vi.clearAllMocks();
  gamepad = { vibrationActuator: actuator };
  isTouch = false;
  rumble = new Rumble({
    gamepads: { at: (place) => (place === 0 ? (gamepad as Gamepad) : undefined) },
    vibrate,
    isTouch: () => isTouch,
  });
});

const effect = (change: object = {}) => ({ pad: 0, strong: 0.5, weak: 1, milliseconds: 200, ...change });

test('an effect shakes its gamepad, for five seconds at most', () => {
  rumble.play(effect({ milliseconds: 60_000 }));
  expect(actuator.playEffect.mock.calls).toEqual([
    ['dual-rumble', { duration: 5000, strongMagnitude: 0.5, weakMagnitude: 1 }],
  ]);
  rumble.play(effect({ pad: 1 }));
  expect([actuator.playEffect.mock.calls.length, vibrate.mock.calls.length]).toEqual([1, 0]);
});

test('effects end when the game stops or the page is hidden, and none begins while it is hidden', () => {
  rumble.play(effect());
  rumble.stop();
  rumble.stop();
  expect(actuator.reset).toHaveBeenCalledTimes(1);
  rumble.play(effect());
  rumble.pause(true);
  expect(actuator.reset).toHaveBeenCalledTimes(2);
  rumble.play(effect());
  expect(actuator.playEffect).toHaveBeenCalledTimes(2);
  rumble.pause(false);
  rumble.play(effect());
  expect(actuator.playEffect).toHaveBeenCalledTimes(3);
});

test('a phone vibrates in place of the first gamepad, if it has none and the effect is strong enough', () => {
  rumble.play(effect());
  gamepad = undefined;
  rumble.play(effect());
  expect(vibrate).not.toHaveBeenCalled();
  isTouch = true;
  rumble.play(effect());
  rumble.play(effect({ pad: 1 }));
  rumble.play(effect({ strong: 0.09, weak: 0.09 }));
  rumble.play(effect({ milliseconds: 9000 }));
  rumble.stop();
  rumble.stop();
  expect(vibrate.mock.calls).toEqual([[200], [0], [5000], [0]]);
});

test('a gamepad without motors and a browser without effects do nothing', () => {
  for (const vibrationActuator of [undefined, null, {}, { playEffect: () => Promise.reject(new Error('no')) }]) {
    gamepad = { vibrationActuator };
    rumble.play(effect());
    rumble.stop();
  }
  expect(actuator.playEffect).not.toHaveBeenCalled();
});
