import type { InputWriter } from './writer.ts';

export type TouchInputOptions = {
  /** The touch area. A finger on its left part moves the on-screen stick; a finger on its right part looks around. */
  stage: HTMLElement;
  /** The ring of the on-screen stick. It moves to where the finger touches. */
  stick: HTMLElement;
  knob: HTMLElement;
  fire: HTMLElement;
  writer: InputWriter;
  onAct?(): void;
};

/** Left fraction of the touch area's width in which a finger moves the on-screen stick. */
const STICK_FRACTION = 0.45;
/** Radius of the on-screen stick in CSS pixels. */
const STICK_RADIUS = 52;
/** Factor from finger movement to mouse movement, because a thumb moves less far than a mouse. */
const LOOK_GAIN = 2.5;
const FIRE_BUTTON = 0;

/** Touch controls until `detach`: a virtual stick (axes 0 and 1), dragging to look around, and a fire button. */
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
  /** Whether a finger holds the fire button. */
  #fires = false;

  constructor(options: TouchInputOptions) {
    this.#options = options;
    const { stage, fire } = options;
    this.#on(stage, 'pointerdown', this.#down);
    this.#on(stage, 'pointermove', this.#move);
    this.#on(stage, 'pointerup', this.#up);
    this.#on(stage, 'pointercancel', this.#up);
    this.#on(fire, 'pointerdown', this.#fire);
    this.#on(fire, 'pointerup', this.#fire);
    this.#on(fire, 'pointercancel', this.#fire);
  }

  detach(): void {
    this.#listeners.abort();
    this.#releaseStick();
    if (this.#lookFinger >= 0) this.#releaseLook();
    if (this.#fires) this.#press(false);
    this.#options.writer.commit();
  }

  #on(target: HTMLElement, type: string, listener: (event: PointerEvent) => void): void {
    const { signal } = this.#listeners;
    target.addEventListener(type, listener as EventListener, { signal });
  }

  readonly #down = (event: PointerEvent): void => {
    if (event.pointerType !== 'touch') return;
    const { stage, writer } = this.#options;
    stage.setPointerCapture(event.pointerId);
    const left = event.clientX < stage.clientWidth * STICK_FRACTION;
    if (left && this.#stickFinger < 0) {
      this.#stickFinger = event.pointerId;
      this.#stickX = event.clientX;
      this.#stickY = event.clientY;
      this.#place(event.clientX, event.clientY);
    } else if (!left && this.#lookFinger < 0) {
      this.#lookFinger = event.pointerId;
      this.#lookX = event.clientX;
      this.#lookY = event.clientY;
      writer.lock(true);
    }
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

  readonly #fire = (event: PointerEvent): void => {
    event.preventDefault();
    const down = event.type === 'pointerdown';
    this.#press(down);
    if (down) this.#options.onAct?.();
  };

  #press(down: boolean): void {
    this.#fires = down;
    this.#options.fire.classList.toggle('down', down);
    this.#options.writer.button(FIRE_BUTTON, down);
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
