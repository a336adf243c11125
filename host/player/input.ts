import { GamepadInput } from './gamepad.ts';
import { gameKey } from './keys.ts';
import type { InputWriter } from './writer.ts';

export type PlayerInputOptions = {
  /** Takes the pointer; holds `video`. */
  stage: HTMLElement;
  /** The picture, letterboxed in its box (`object-fit: contain`, centred across, `object-position` given by `alignY`). */
  video: HTMLVideoElement;
  writer: InputWriter;
  /** Where the picture stands in a box that is too high: 0 top, 0.5 middle. Default 0.5. */
  alignY?: () => number;
  /** Any key or button that belongs to the game. */
  onAct?(): void;
  onLock?(locked: boolean): void;
};

const WHEEL_UNITS = [1, 16, 400]; // DOM_DELTA_PIXEL, _LINE, _PAGE in CSS pixels
const rawUpdates = 'onpointerrawupdate' in globalThis; // not aligned to frames: earlier by half a frame on average

/** Keyboard, mouse and gamepads of a page, written to `writer` until `detach`. Everything is let go when the page loses attention. */
export class PlayerInput {
  readonly #options: PlayerInputOptions;
  readonly #writer: InputWriter;
  readonly #listeners = new AbortController();
  readonly #gamepad: GamepadInput;
  readonly #resize: ResizeObserver;
  readonly #picture = { left: 0, top: 0, width: 1, height: 1 };
  #locked = false;

  constructor(options: PlayerInputOptions) {
    this.#options = options;
    this.#writer = options.writer;
    this.#gamepad = new GamepadInput(options.writer, () => options.onAct?.());
    const { stage, video } = options;
    this.#on(globalThis, 'keydown', this.#keyDown);
    this.#on(globalThis, 'keyup', this.#keyUp);
    this.#on(globalThis, 'blur', () => this.#writer.releaseAll());
    this.#on(document, 'visibilitychange', () => document.hidden && this.#writer.releaseAll());
    this.#on(document, 'pointerlockchange', this.#lockChange);
    this.#on(stage, rawUpdates ? 'pointerrawupdate' : 'pointermove', this.#pointerMove);
    this.#on(stage, 'mousedown', this.#mouseButton);
    this.#on(globalThis, 'mouseup', this.#mouseButton);
    this.#on(stage, 'wheel', this.#wheel);
    this.#on(stage, 'contextmenu', (event) => event.preventDefault());
    this.#on(video, 'resize', this.#measure);
    this.#on(globalThis, 'scroll', this.#measure);
    this.#resize = new ResizeObserver(this.#measure);
    this.#resize.observe(video);
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** Locks the pointer to the picture, without the system's acceleration where that can be had. Needs a click, and a secure context. */
  async lock(): Promise<void> {
    const { stage } = this.#options;
    if (this.#locked || stage.requestPointerLock === undefined) return;
    try {
      await stage.requestPointerLock({ unadjustedMovement: true });
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotSupportedError') return;
      await Promise.resolve(stage.requestPointerLock()).catch(() => {}); // refused: play goes on with a free pointer
    }
  }

  detach(): void {
    this.#writer.releaseAll();
    this.#listeners.abort();
    this.#gamepad.detach();
    this.#resize.disconnect();
    if (this.#locked) document.exitPointerLock();
  }

  #on<E extends Event>(target: EventTarget, type: string, listener: (event: E) => void): void {
    const { signal } = this.#listeners;
    target.addEventListener(type, listener as EventListener, { signal, passive: false });
  }

  readonly #keyDown = (event: KeyboardEvent): void => {
    const usage = gameKey(event);
    if (usage === 0 || event.isComposing || belongsToPage(event, this.#locked)) return;
    event.preventDefault();
    if (event.repeat) return;
    this.#writer.key(usage, true);
    this.#options.onAct?.();
  };

  readonly #keyUp = (event: KeyboardEvent): void => {
    // macOS keeps the release of a key to itself while Meta is down.
    if (event.code === 'MetaLeft' || event.code === 'MetaRight') this.#writer.releaseAll();
    const usage = gameKey({ code: event.code, ctrlKey: false, metaKey: false });
    if (usage !== 0) this.#writer.key(usage, false);
  };

  readonly #mouseButton = (event: MouseEvent): void => {
    const down = event.type === 'mousedown';
    if (fromTouch(event)) return;
    if (down) {
      event.preventDefault(); // no selection, no autoscroll; so the focus moves by hand
      this.#options.stage.focus({ preventScroll: true });
      this.#options.onAct?.();
    }
    this.#writer.button(event.button, down);
    if (down && event.button === 0) void this.lock();
  };

  readonly #pointerMove = (event: PointerEvent): void => {
    if (event.pointerType === 'touch') return;
    if (this.#locked) this.#writer.move(event.movementX, event.movementY);
    else this.#point(event.clientX, event.clientY);
    this.#writer.commit();
  };

  readonly #wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = WHEEL_UNITS[event.deltaMode] ?? 1;
    this.#writer.wheel(event.deltaX * unit, event.deltaY * unit);
    this.#writer.commit();
  };

  readonly #lockChange = (): void => {
    this.#locked = document.pointerLockElement === this.#options.stage;
    this.#writer.lock(this.#locked);
    if (this.#locked) this.#writer.commit();
    else this.#writer.releaseAll();
    this.#options.onLock?.(this.#locked);
  };

  #point(clientX: number, clientY: number): void {
    const { left, top, width, height } = this.#picture;
    this.#writer.point((clientX - left) / width, (clientY - top) / height);
  }

  readonly #measure = (): void => {
    const { video, alignY } = this.#options;
    const box = video.getBoundingClientRect();
    const scale = Math.min(box.width / (video.videoWidth || 16), box.height / (video.videoHeight || 9)) || 1;
    const picture = this.#picture;
    picture.width = (video.videoWidth || 16) * scale;
    picture.height = (video.videoHeight || 9) * scale;
    picture.left = box.left + (box.width - picture.width) / 2;
    picture.top = box.top + (box.height - picture.height) * (alignY?.() ?? 0.5);
  };
}

/** Keys that work the page's own controls: all of them in a control that has the focus, and Tab until the pointer is locked. */
function belongsToPage(event: KeyboardEvent, locked: boolean): boolean {
  if (locked) return false;
  if (event.code === 'Tab') return true;
  const inControl =
    event.target instanceof Element && event.target.closest('button, a, input, select, textarea') !== null;
  return inControl && /^(Enter|Space|Arrow.*|Escape)$/.test(event.code);
}

/** Browsers follow a touch with a mouse event that repeats it. */
function fromTouch(event: MouseEvent & { sourceCapabilities?: { firesTouchEvents: boolean } }): boolean {
  return event.sourceCapabilities?.firesTouchEvents === true;
}
