import { afterEach, expect, test, vi } from 'vitest';
import { TouchInput } from '../../host/player/touch.ts';
import { InputWriter } from '../../host/player/writer.ts';

/** A stand-in for an element of the page. */
class FakeElement extends EventTarget {
  readonly clientWidth = 1000;
  readonly style: Record<string, string> = {};
  readonly classList = { add() {}, remove() {}, toggle() {} };
  setPointerCapture(): void {}
}

afterEach(() => vi.useRealTimers());

function press(on: FakeElement, type: string, fields: object): void {
  on.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), { pointerType: 'touch', ...fields }));
}

test('touch controls that are detached release the fire button, the stick and the finger that looks around', () => {
  vi.useFakeTimers();
  const events: number[][] = [];
  const states: Buffer[] = [];
  const writer = new InputWriter({
    event: (message) => events.push([...message]),
    state: (message) => states.push(Buffer.from(message)),
  });
  writer.open();
  const [stage, stick, knob, fire] = [new FakeElement(), new FakeElement(), new FakeElement(), new FakeElement()];
  const touch = new TouchInput({ stage, stick, knob, fire, writer } as never);
  press(fire, 'pointerdown', { pointerId: 1 });
  press(stage, 'pointerdown', { pointerId: 2, clientX: 900, clientY: 10 });
  press(stage, 'pointerdown', { pointerId: 3, clientX: 100, clientY: 10 });
  press(stage, 'pointermove', { pointerId: 3, clientX: 300, clientY: 10 });
  vi.advanceTimersByTime(100);
  const isLocked = () => states.at(-1)?.[1];
  const axis = () => states.at(-1)?.readFloatLE(32);
  const isDown = () => events.at(-1)?.[2];
  expect([isLocked(), axis(), isDown()]).toEqual([1, 1, 1]);
  touch.detach();
  vi.advanceTimersByTime(100);
  expect([isLocked(), axis(), isDown()]).toEqual([0, 0, 0]);
  const { length } = events;
  press(fire, 'pointerdown', { pointerId: 4 });
  expect(events).toHaveLength(length);
});
