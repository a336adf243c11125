import { describe, expect, test, vi } from 'vitest';
import { CONTROL_BOUNDS, ControlSettings } from '../../host/player/controls.ts';
import { exchangeKey, keysFor } from '../../host/player/key-names.ts';

/** A storage that a test can read, and that may refuse everything, as a browser's may. */
function storage(text?: string, { refuses = false } = {}) {
  const state = { text };
  const refuse = () => {
    if (refuses) throw new DOMException('denied', 'SecurityError');
  };
  return {
    state,
    getItem: () => {
      refuse();
      return state.text ?? null;
    },
    setItem: (_key: string, value: string) => {
      refuse();
      state.text = value;
    },
  };
}

const usual = new ControlSettings().values;

describe('the controls', () => {
  test('the controls outlive the page', () => {
    const kept = storage();
    const controls = new ControlSettings(kept);
    controls.set({ mouseSensitivity: 2, invertY: true, leftHanded: true });
    controls.setKey('ArrowUp', 'KeyW');
    const again = new ControlSettings(kept);
    expect(again.values).toEqual({
      ...usual,
      mouseSensitivity: 2,
      invertY: true,
      leftHanded: true,
      keys: { ArrowUp: 'KeyW' },
    });
    expect([again.keyFor('ArrowUp'), again.keyFor('KeyW')]).toEqual(['KeyW', 'KeyW']);
    again.setKey('ArrowUp', 'ArrowUp');
    expect(new ControlSettings(kept).values.keys).toEqual({});
    again.reset();
    expect(new ControlSettings(kept).values).toEqual(usual);
  });

  test('a key that gets another meaning hands its own on, so that every key of the game stays within reach', () => {
    const controls = new ControlSettings();
    const all = ['Space', 'KeyW', 'KeyX'].map((key) => () => [key, keysFor(controls, key)]);
    exchangeKey(controls, 'KeyX', 'Space');
    expect(controls.values.keys).toEqual({ KeyX: 'Space', Space: 'KeyX' });
    exchangeKey(controls, 'KeyW', 'Space');
    expect(controls.values.keys).toEqual({ KeyW: 'Space', Space: 'KeyW' });
    expect(all.map((read) => read())).toEqual([
      ['Space', ['KeyW']],
      ['KeyW', ['Space']],
      ['KeyX', ['KeyX']],
    ]);
    exchangeKey(controls, 'KeyW', 'Space');
    expect(controls.values.keys).toEqual({ KeyW: 'Space', Space: 'KeyW' });
    exchangeKey(controls, 'Space', 'Space');
    expect(controls.values.keys).toEqual({});
    controls.setKey('ArrowUp', 'KeyW');
    expect(keysFor(controls, 'KeyW')).toEqual(['KeyW', 'ArrowUp']);
  });

  test.each(Object.entries(CONTROL_BOUNDS))('%s stays within its bounds', (name, { min, max, usual: normal }) => {
    const controls = new ControlSettings();
    const read = () => controls.values[name as keyof typeof CONTROL_BOUNDS];
    expect(read()).toBe(normal);
    for (const [given, kept] of [
      [min, min],
      [max, max],
      [min - 1, min],
      [max + 1, max],
      [Number.POSITIVE_INFINITY, max],
      [Number.NaN, max],
    ] as const) {
      controls.set({ [name]: given });
      expect(read()).toBe(kept);
    }
  });

  test.each([
    ['no text', undefined],
    ['no JSON', '{"mouse'],
    ['another value', '7'],
    ['null', 'null'],
    ['values of other types', '{"mouseSensitivity":"2","invertY":1,"leftHanded":null,"keys":3,"deadZone":null}'],
    ['keys that do not exist', '{"keys":{"KeyA":"Nothing","Nothing":"KeyA","constructor":"KeyA","KeyB":"toString"}}'],
    ['names that do not exist', '{"__proto__":{"mouseSensitivity":3},"other":1}'],
  ])('the usual controls take the place of a kept text with %s', (_, text) => {
    expect(new ControlSettings(storage(text)).values).toEqual(usual);
  });

  test('a storage that the browser forbids costs only the memory', () => {
    const controls = new ControlSettings(storage('{"invertY":true}', { refuses: true }));
    controls.set({ invertY: true });
    expect(controls.values.invertY).toBe(true);
  });

  test('listeners learn of each change until they end', () => {
    const controls = new ControlSettings();
    const listener = vi.fn();
    const stop = controls.onChange(listener);
    controls.set({ deadZone: 0.3 });
    expect(listener.mock.calls).toEqual([[{ ...usual, deadZone: 0.3 }]]);
    stop();
    controls.reset();
    expect(listener).toHaveBeenCalledTimes(1);
  });
});
