import type { RumbleEffect } from '../base/requests.ts';
import { type PadSource, PHONE_PAD } from './gamepad.ts';

/** Effects of a gamepad that browsers offer (W3C Gamepad Extensions). Older browsers have none. */
type Actuator = {
  playEffect?(type: 'dual-rumble', effect: object): Promise<unknown>;
  reset?(): Promise<unknown>;
};

const MS_MAX = 5000;
/** A phone vibrates at full strength or not at all. Weaker effects than this are left out. */
const PHONE_STRENGTH_MIN = 0.1;

export type RumbleOptions = {
  gamepads: PadSource;
  /** Makes a phone vibrate, in place of a gamepad that it does not have. Default: the browser's own function. */
  vibrate?: ((milliseconds: number) => boolean) | undefined;
  /** Whether the player uses a touch screen. */
  isTouch(): boolean;
};

/** Lets the player feel the effects that the game asks for. Does nothing where the browser or the gamepad offers none. */
export class Rumble {
  readonly #options: RumbleOptions;
  readonly #vibrate: ((milliseconds: number) => boolean) | undefined;
  /** The gamepads that may still rumble, and whether the phone may. */
  readonly #active = new Set<number>();
  #isPhoneActive = false;
  #isPaused = false;

  constructor(options: RumbleOptions) {
    this.#options = options;
    this.#vibrate = options.vibrate ?? navigator.vibrate?.bind(navigator);
  }

  /** Starts an effect, which replaces an earlier one on the same gamepad. Strengths of 0 end that. */
  play({ pad, strong, weak, milliseconds }: RumbleEffect): void {
    if (this.#isPaused) return;
    const duration = Math.min(milliseconds, MS_MAX);
    const gamepad = this.#options.gamepads.at(pad);
    if (gamepad) {
      this.#active.add(pad);
      const effect = { duration, strongMagnitude: strong, weakMagnitude: weak };
      forgive(actuatorOf(gamepad)?.playEffect?.('dual-rumble', effect));
    } else if (pad === PHONE_PAD && this.#options.isTouch()) {
      const isFelt = Math.max(strong, weak) >= PHONE_STRENGTH_MIN;
      this.#isPhoneActive = isFelt;
      this.#vibrate?.(isFelt ? duration : 0);
    }
  }

  /** Ends all effects at once. */
  stop(): void {
    for (const pad of this.#active) {
      const gamepad = this.#options.gamepads.at(pad);
      if (gamepad) forgive(actuatorOf(gamepad)?.reset?.());
    }
    this.#active.clear();
    if (this.#isPhoneActive) this.#vibrate?.(0);
    this.#isPhoneActive = false;
  }

  /** Ends all effects and starts none, or allows them again. */
  pause(isPaused: boolean): void {
    if (isPaused) this.stop();
    this.#isPaused = isPaused;
  }
}

function actuatorOf(gamepad: Gamepad): Actuator | undefined {
  return (gamepad as { vibrationActuator?: Actuator | null }).vibrationActuator ?? undefined;
}

/** Ignores that an effect failed, which a browser reports for gamepads without motors. */
function forgive(effect: Promise<unknown> | undefined): void {
  effect?.catch(() => {});
}
