import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ControlSettings, type Controls, FIRE_BUTTON, JUMP_BUTTON } from '../../host/player/controls.ts';
import { TouchInput } from '../../host/player/touch.ts';
import { InputWriter } from '../../host/player/writer.ts';

/** A stand-in for an element of the page. */
class FakeElement extends EventTarget {
  readonly clientWidth = 1000;
  readonly style: Record<string, string> = {};
  readonly classList = { add() {}, remove() {}, toggle() {} };
  setPointerCapture(): void {}
  getBoundingClientRect() {
    return { left: 0, top: 0 };
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function press(on: FakeElement, type: string, fields: object): void {
  on.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), { pointerType: 'touch', ...fields }));
}

function makeTouch(change: Partial<Controls> = {}) {
  const controls = new ControlSettings();
  controls.set(change);
  const events: number[][] = [];
  const states: Buffer[] = [];
  const writer = new InputWriter({
    event: (message) => events.push([...message]),
    state: (message) => states.push(Buffer.from(message)),
  });
  writer.open();
  const [stage, stick, knob, fire, jump] = Array.from({ length: 5 }, () => new FakeElement());
  const buttons = [
    { element: fire, button: FIRE_BUTTON },
    { element: jump, button: JUMP_BUTTON },
  ];
  const touch = new TouchInput({ stage, stick, knob, buttons, writer, controls } as never);
  const newest = (): Buffer => {
    vi.advanceTimersByTime(100);
    return states.at(-1) ?? Buffer.alloc(0);
  };
  return {
    controls,
    touch,
    stage: stage as FakeElement,
    fire: fire as FakeElement,
    jump: jump as FakeElement,
    /** Number and state of each button event since the last call. */
    takeButtons: () => events.splice(0).map(([, button, down]) => [button, down]),
    isLocked: () => newest()[1],
    /** Total movement from left to right, in CSS pixels. */
    moved: () => newest().readInt32LE(8) / 16,
    axis: () => newest().readFloatLE(32),
  };
}

test('touch controls that are detached release the buttons, the stick and the finger that looks around', () => {
  const { touch, stage, fire, jump, takeButtons, isLocked, axis } = makeTouch();
  takeButtons();
  press(fire, 'pointerdown', { pointerId: 1 });
  press(jump, 'pointerdown', { pointerId: 4 });
  press(stage, 'pointerdown', { pointerId: 2, clientX: 900, clientY: 10 });
  press(stage, 'pointerdown', { pointerId: 3, clientX: 100, clientY: 10 });
  press(stage, 'pointermove', { pointerId: 3, clientX: 300, clientY: 10 });
  expect([isLocked(), axis(), takeButtons()]).toEqual([
    1,
    1,
    [
      [0, 1],
      [16, 1],
    ],
  ]);
  touch.detach();
  expect([isLocked(), axis(), takeButtons()]).toEqual([
    0,
    0,
    [
      [0, 0],
      [16, 0],
    ],
  ]);
  press(fire, 'pointerdown', { pointerId: 5 });
  expect(takeButtons()).toEqual([]);
});

test('the finger that fires also aims, until it is lifted', () => {
  const { fire, takeButtons, isLocked, moved } = makeTouch();
  takeButtons();
  press(fire, 'pointerdown', { pointerId: 1, clientX: 900, clientY: 300 });
  press(fire, 'pointermove', { pointerId: 1, clientX: 880, clientY: 300 });
  expect([isLocked(), moved(), takeButtons()]).toEqual([1, -50, [[0, 1]]]);
  press(fire, 'pointerup', { pointerId: 1 });
  press(fire, 'pointermove', { pointerId: 1, clientX: 500, clientY: 300 });
  expect([isLocked(), moved(), takeButtons()]).toEqual([0, -50, [[0, 0]]]);
});

test('a finger on a button does not take the aim from the finger that looks around', () => {
  const { stage, fire, moved, isLocked } = makeTouch();
  press(stage, 'pointerdown', { pointerId: 1, clientX: 700, clientY: 100 });
  press(fire, 'pointerdown', { pointerId: 2, clientX: 900, clientY: 300 });
  press(fire, 'pointermove', { pointerId: 2, clientX: 800, clientY: 300 });
  press(stage, 'pointermove', { pointerId: 1, clientX: 704, clientY: 100 });
  press(fire, 'pointerup', { pointerId: 2 });
  expect([moved(), isLocked()]).toEqual([10, 1]);
});

test('a button stays down until the finger that pressed it first is lifted', () => {
  const { jump, takeButtons } = makeTouch();
  takeButtons();
  press(jump, 'pointerdown', { pointerId: 1 });
  press(jump, 'pointerdown', { pointerId: 2 });
  press(jump, 'pointerup', { pointerId: 2 });
  expect(takeButtons()).toEqual([[16, 1]]);
  press(jump, 'pointercancel', { pointerId: 1 });
  expect(takeButtons()).toEqual([[16, 0]]);
});

test('left-handed players move with the right thumb and look around with the left one', () => {
  const { touch, stage, axis, moved } = makeTouch({ leftHanded: true, mouseSensitivity: 2 });
  press(stage, 'pointerdown', { pointerId: 1, clientX: 900, clientY: 10 });
  press(stage, 'pointermove', { pointerId: 1, clientX: 1100, clientY: 10 });
  expect(axis()).toBe(1);
  press(stage, 'pointerdown', { pointerId: 2, clientX: 100, clientY: 10 });
  press(stage, 'pointermove', { pointerId: 2, clientX: 110, clientY: 10 });
  expect(moved()).toBe(50);
  touch.detach();
});

test('a change of the controls releases what is held, because it may have moved away from the finger', () => {
  const { controls, stage, fire, takeButtons, axis } = makeTouch();
  takeButtons();
  press(fire, 'pointerdown', { pointerId: 1 });
  press(stage, 'pointerdown', { pointerId: 3, clientX: 100, clientY: 10 });
  press(stage, 'pointermove', { pointerId: 3, clientX: 300, clientY: 10 });
  expect(axis()).toBe(1);
  controls.set({ touchScale: 1.5 });
  expect([axis(), takeButtons()]).toEqual([
    0,
    [
      [FIRE_BUTTON, 1],
      [FIRE_BUTTON, 0],
    ],
  ]);
  // Pushed as far as before, a larger stick is not at its edge.
  press(stage, 'pointerdown', { pointerId: 3, clientX: 100, clientY: 10 });
  press(stage, 'pointermove', { pointerId: 3, clientX: 139, clientY: 10 });
  expect(axis()).toBeCloseTo(0.5);
});
