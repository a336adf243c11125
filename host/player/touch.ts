import { ControlSettings } from './controls.ts';
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
  /** How the player wants to control the game. Default: the usual way. */
  controls?: ControlSettings;
};

/** Left fraction of the touch area's width in which a finger moves the on-screen stick. */
const STICK_FRACTION = 0.45;
/** Radius of the on-screen stick in CSS pixels. */
const STICK_RADIUS = 52;
/** Factor from finger movement to mouse movement, because a thumb moves less far than a mouse. */
const LOOK_GAIN = 2.5;
/**
 * Touch controls until `detach`: a virtual stick (axes 0 and 1), dragging to look around, and buttons. A finger that holds a
 * button looks around as well, so that one thumb can aim and fire.
 */
export class TouchInput {
  readonly #options: TouchInputOptions;
  readonly #listeners = new AbortController();
  readonly #controls: ControlSettings;
  /** Ends the notices about changed controls. */
  readonly #stop: () => void;
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
    this.#controls = options.controls ?? new ControlSettings();
    // A control that is held may have moved away from its finger.
    this.#stop = this.#controls.onChange(() => {
      this.#releaseAll();
      this.#arrange();
    });
    this.#arrange();
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
    this.#stop();
    this.#releaseAll();
  }

  #releaseAll(): void {
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
    const isForStick = this.#isForStick(x, stage.clientWidth);
    if (isForStick && this.#stickFinger < 0) {
      this.#stickFinger = event.pointerId;
      this.#stickX = event.clientX;
      this.#stickY = event.clientY;
      this.#place(x, y);
    } else if (!isForStick) this.#look(event);
    this.#options.onAct?.();
  };

  readonly #move = (event: PointerEvent): void => {
    const { writer } = this.#options;
    if (event.pointerId === this.#stickFinger) {
      this.#push(event.clientX - this.#stickX, event.clientY - this.#stickY);
    } else if (event.pointerId === this.#lookFinger) {
      const { mouseSensitivity, invertY } = this.#controls.values;
      const gain = LOOK_GAIN * mouseSensitivity;
      writer.move((event.clientX - this.#lookX) * gain, (event.clientY - this.#lookY) * (invertY ? -gain : gain));
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

  /** Gives the touch controls the size and the sides that the player wants. Their style sheet knows what that means. */
  #arrange(): void {
    const { touchScale, leftHanded } = this.#controls.values;
    const area = this.#options.stick.parentElement;
    area?.style.setProperty('--touch-scale', String(touchScale));
    area?.classList.toggle('left-handed', leftHanded);
  }

  /** Whether a finger at a place moves the stick: on the left part of the area, or on the right one for left-handed players. */
  #isForStick(x: number, width: number): boolean {
    const fromEdge = this.#controls.values.leftHanded ? width - x : x;
    return fromEdge < width * STICK_FRACTION;
  }

  #push(dx: number, dy: number): void {
    const { writer, knob } = this.#options;
    const radius = STICK_RADIUS * this.#controls.values.touchScale;
    const scale = 1 / Math.max(radius, Math.hypot(dx, dy));
    writer.axis(0, dx * scale);
    writer.axis(1, dy * scale);
    knob.style.transform = `translate(${dx * scale * radius}px, ${dy * scale * radius}px)`;
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
