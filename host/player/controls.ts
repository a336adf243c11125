import { KEYS } from './keys.ts';

/** Buttons of the touch controls: that of the mouse that fires, and the first of a gamepad, with which games jump. */
export const FIRE_BUTTON = 0;
export const JUMP_BUTTON = 16;

/** How the player wants to control the game. */
export type Controls = {
  /** Factor for movement of a locked mouse, and of a finger that looks around. */
  readonly mouseSensitivity: number;
  /** Factor for the sticks of gamepads, after their dead zones. */
  readonly stickSensitivity: number;
  /** Distance from the centre within which a gamepad's stick counts as at rest; at most 1 would be the edge. */
  readonly deadZone: number;
  /** Size of the touch controls, as a factor. */
  readonly touchScale: number;
  /** Whether up is down when the player looks around. */
  readonly invertY: boolean;
  /** Whether the touch controls change sides. */
  readonly leftHanded: boolean;
  /** The key that the game gets in place of the one that the player presses, both as KeyboardEvent.code. */
  readonly keys: Readonly<Record<string, string>>;
};

/** A number among the controls. */
export type ControlNumber = 'mouseSensitivity' | 'stickSensitivity' | 'deadZone' | 'touchScale';

/** Bounds and default of each number among the controls, and the step of a slider for it. */
export const CONTROL_BOUNDS: Readonly<
  Record<ControlNumber, { readonly min: number; readonly max: number; readonly step: number; readonly usual: number }>
> = {
  mouseSensitivity: { min: 0.1, max: 5, step: 0.05, usual: 1 },
  stickSensitivity: { min: 0.2, max: 3, step: 0.05, usual: 1 },
  deadZone: { min: 0, max: 0.5, step: 0.01, usual: 0.1 },
  touchScale: { min: 0.7, max: 1.6, step: 0.05, usual: 1 },
};

const NUMBERS = Object.keys(CONTROL_BOUNDS) as ControlNumber[];
const KEYS_MAX = 128;
const STORED_AS = 'nearlight controls';

/** Where the controls outlive the page, such as localStorage. */
export type ControlStorage = Pick<Storage, 'getItem' | 'setItem'>;

/** The player's controls, which the page keeps. Values out of bounds become the nearest one allowed, and unknown ones are ignored. */
export class ControlSettings {
  readonly #storage: ControlStorage | undefined;
  readonly #listeners = new Set<(controls: Controls) => void>();
  #values: Controls;

  /** @param storage undefined to forget the controls when the page is closed */
  constructor(storage?: ControlStorage) {
    this.#storage = storage;
    this.#values = readControls(parse(attempt(() => storage?.getItem(STORED_AS))), usualControls());
  }

  get values(): Controls {
    return this.#values;
  }

  /** Changes some of the controls, keeps them, and calls the listeners. */
  set(change: Partial<Controls>): void {
    this.#change(readControls(change, this.#values));
  }

  /** Lets the key `pressed` stand for the key `key` of the game. They are one and the same to end that. */
  setKey(pressed: string, key: string): void {
    const { [pressed]: _, ...others } = this.#values.keys;
    this.set({ keys: pressed === key ? others : { ...others, [pressed]: key } });
  }

  /** Goes back to the usual controls. */
  reset(): void {
    this.#change(usualControls());
  }

  /** Returns the key that the game gets when the player presses a key, both as KeyboardEvent.code. */
  keyFor(pressed: string): string {
    return this.#values.keys[pressed] ?? pressed;
  }

  /** Has `listener` called after each change. @returns a function that ends that */
  onChange(listener: (controls: Controls) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #change(values: Controls): void {
    this.#values = values;
    attempt(() => this.#storage?.setItem(STORED_AS, JSON.stringify(values)));
    for (const listener of this.#listeners) listener(values);
  }
}

function usualControls(): Controls {
  const [mouseSensitivity, stickSensitivity, deadZone, touchScale] = [
    CONTROL_BOUNDS.mouseSensitivity.usual,
    CONTROL_BOUNDS.stickSensitivity.usual,
    CONTROL_BOUNDS.deadZone.usual,
    CONTROL_BOUNDS.touchScale.usual,
  ];
  return { mouseSensitivity, stickSensitivity, deadZone, touchScale, invertY: false, leftHanded: false, keys: {} };
}

/** Returns `before` with the values of `given` that are possible. */
function readControls(given: unknown, before: Controls): Controls {
  if (typeof given !== 'object' || given === null) return before;
  const found = given as Partial<Record<keyof Controls, unknown>>;
  const numbers: Partial<Record<ControlNumber, number>> = {};
  for (const name of NUMBERS) {
    const value = found[name];
    const { min, max } = CONTROL_BOUNDS[name];
    if (typeof value === 'number' && !Number.isNaN(value)) numbers[name] = Math.min(max, Math.max(min, value));
  }
  return {
    ...before,
    ...numbers,
    invertY: typeof found.invertY === 'boolean' ? found.invertY : before.invertY,
    leftHanded: typeof found.leftHanded === 'boolean' ? found.leftHanded : before.leftHanded,
    keys: readKeys(found.keys) ?? before.keys,
  };
}

function readKeys(given: unknown): Record<string, string> | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const known = ([pressed, key]: [string, unknown]) => Object.hasOwn(KEYS, pressed) && Object.hasOwn(KEYS, String(key));
  return Object.fromEntries(Object.entries(given).filter(known).slice(0, KEYS_MAX)) as Record<string, string>;
}

function parse(text: string | null | undefined): unknown {
  return attempt(() => (text ? JSON.parse(text) : undefined));
}

/** Uses what a browser may forbid or a file may have wrong. The controls are then the usual ones, or are not kept. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
