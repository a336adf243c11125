import type { InputWriter } from './writer.ts';

/** A button on the screen, and the number of the mouse or gamepad button that it stands for. */
export type TouchButton = { element: HTMLElement; button: number };

export type TouchInputOptions = {
  /** The touch area. A finger on its left part moves the on-screen stick; a finger on its right part looks around. */
  stage: HTMLElement;
  /** The ring of the on-screen stick. It moves to where the finger touches. */
  stick: HTMLElement;
  knob: HTMLElement;
  buttons: readonly TouchButton[];
  writer: InputWriter;
  onAct?(): void;
};

/** Left fraction of the touch area's width in which a finger moves the on-screen stick. */
const STICK_FRACTION = 0.45;
/** Radius of the on-screen stick in CSS pixels. */
const STICK_RADIUS = 52;
/** Factor from finger movement to mouse movement, because a thumb moves less far than a mouse. */
const LOOK_GAIN = 2.5;
/** Buttons of the touch controls: that of the mouse that fires, and the first of a gamepad, with which games jump. */
export const FIRE_BUTTON = 0;
export const JUMP_BUTTON = 16;

/**
 * Touch controls until `detach`: a virtual stick (axes 0 and 1), dragging to look around, and buttons. A finger that holds a
 * button looks around as well, so that one thumb can aim and fire.
 */
export class TouchInput {
  readonly #options: TouchInputOptions;
  readonly #listeners = new AbortController();
  /** Pointer ids of the finger that moves the on-screen stick and of the finger that looks around; -1 for none. */
  #stickFinger = -1;
  #lookFinger = -1;
  #stickX = 0;
  #stickY = 0;
  #lookX = 0;
  #lookY = 0;
  /** The finger that holds each button that is held. */
  readonly #held = new Map<TouchButton, number>();

  constructor(options: TouchInputOptions) {
    this.#options = options;
    const { stage, buttons } = options;
    this.#on(stage, 'pointerdown', this.#down);
    this.#on(stage, 'pointermove', this.#move);
    this.#on(stage, 'pointerup', this.#up);
    this.#on(stage, 'pointercancel', this.#up);
    for (const button of buttons) {
      this.#on(button.element, 'pointerdown', (event) => this.#press(button, event));
      this.#on(button.element, 'pointermove', this.#move);
      for (const type of ['pointerup', 'pointercancel'])
        this.#on(button.element, type, (event) => {
          this.#letGo(button, event.pointerId);
          this.#up(event);
        });
    }
  }

  detach(): void {
    this.#listeners.abort();
    this.#releaseStick();
    if (this.#lookFinger >= 0) this.#releaseLook();
    for (const [button, finger] of this.#held) this.#letGo(button, finger);
    this.#options.writer.commit();
  }

  #on(target: HTMLElement, type: string, listener: (event: PointerEvent) => void): void {
    const { signal } = this.#listeners;
    target.addEventListener(type, listener as EventListener, { signal });
  }

  readonly #down = (event: PointerEvent): void => {
    if (event.pointerType !== 'touch') return;
    const { stage } = this.#options;
    stage.setPointerCapture(event.pointerId);
    const box = stage.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const left = x < stage.clientWidth * STICK_FRACTION;
    if (left && this.#stickFinger < 0) {
      this.#stickFinger = event.pointerId;
      this.#stickX = event.clientX;
      this.#stickY = event.clientY;
      this.#place(x, y);
    } else if (!left) this.#look(event);
    this.#options.onAct?.();
  };

  readonly #move = (event: PointerEvent): void => {
    const { writer } = this.#options;
    if (event.pointerId === this.#stickFinger) {
      this.#push(event.clientX - this.#stickX, event.clientY - this.#stickY);
    } else if (event.pointerId === this.#lookFinger) {
      writer.move((event.clientX - this.#lookX) * LOOK_GAIN, (event.clientY - this.#lookY) * LOOK_GAIN);
      this.#lookX = event.clientX;
      this.#lookY = event.clientY;
    } else return;
    writer.commit();
  };

  readonly #up = (event: PointerEvent): void => {
    if (event.pointerId === this.#stickFinger) this.#releaseStick();
    if (event.pointerId === this.#lookFinger) this.#releaseLook();
    this.#options.writer.commit();
  };

  #press(button: TouchButton, event: PointerEvent): void {
    event.preventDefault();
    if (this.#held.has(button)) return;
    this.#held.set(button, event.pointerId);
    button.element.setPointerCapture(event.pointerId);
    this.#write(button, true);
    this.#look(event);
    this.#options.onAct?.();
  }

  #letGo(button: TouchButton, finger: number): void {
    if (this.#held.get(button) !== finger) return;
    this.#held.delete(button);
    this.#write(button, false);
  }

  #write({ element, button }: TouchButton, down: boolean): void {
    element.classList.toggle('down', down);
    this.#options.writer.button(button, down);
  }

  /** Begins to look around with a finger, unless another one does. */
  #look(event: PointerEvent): void {
    if (this.#lookFinger >= 0) return;
    this.#lookFinger = event.pointerId;
    this.#lookX = event.clientX;
    this.#lookY = event.clientY;
    this.#options.writer.lock(true);
  }

  #releaseLook(): void {
    this.#lookFinger = -1;
    this.#options.writer.lock(false);
  }

  #push(dx: number, dy: number): void {
    const { writer, knob } = this.#options;
    const scale = 1 / Math.max(STICK_RADIUS, Math.hypot(dx, dy));
    writer.axis(0, dx * scale);
    writer.axis(1, dy * scale);
    knob.style.transform = `translate(${dx * scale * STICK_RADIUS}px, ${dy * scale * STICK_RADIUS}px)`;
  }

  #place(x: number, y: number): void {
    const { stick } = this.#options;
    stick.classList.add('down');
    stick.style.left = `${x}px`;
    stick.style.top = `${y}px`;
  }

  #releaseStick(): void {
    const { stick, knob, writer } = this.#options;
    this.#stickFinger = -1;
    writer.axis(0, 0);
    writer.axis(1, 0);
    stick.classList.remove('down');
    stick.style.left = stick.style.top = knob.style.transform = '';
  }
}
