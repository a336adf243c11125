import { ControlSettings } from './controls.ts';
import { GamepadInput } from './gamepad.ts';
import { gameKey, KEYS } from './keys.ts';
import type { InputWriter } from './writer.ts';

export type PageInputOptions = {
  /** The element that receives the mouse's events. It contains `video`. */
  stage: HTMLElement;
  /** The game's picture. It keeps its shape inside the element (`object-fit: contain`) and is centred from left to right. */
  video: HTMLVideoElement;
  writer: InputWriter;
  /** Vertical position of the picture in an element that is too tall: 0 is at the top, 0.5 in the middle. Default 0.5. */
  alignY?: () => number;
  /** Tells whether the page has locked the keyboard, so that the browser keeps no key. Default: false. */
  hasKeyboard?: () => boolean;
  /** Whether keys are for this game: its element has the focus. Default: they always are. */
  hasFocus?: () => boolean;
  /** Whether gamepads are for this game. Default: they always are. */
  hasGamepads?: () => boolean;
  /** Called when the player presses a key or button of the game. */
  onAct?(): void;
  onLock?(locked: boolean): void;
  /** How the player wants to control the game. Default: the usual way. */
  controls?: ControlSettings;
};

/** Modifier keys, and the states that every event of keyboard and mouse gives for them. */
const MODIFIERS: readonly { codes: readonly string[]; states: readonly string[] }[] = [
  { codes: ['ShiftLeft', 'ShiftRight'], states: ['Shift'] },
  { codes: ['ControlLeft', 'ControlRight'], states: ['Control'] },
  { codes: ['AltLeft', 'AltRight'], states: ['Alt', 'AltGraph'] },
];
/** The bits of MouseEvent.buttons by the number of their button. */
const BUTTON_BITS = [1, 4, 2, 8, 16];

/** CSS pixels for each unit of WheelEvent.deltaMode: pixel, line and page. */
const WHEEL_PIXELS = [1, 16, 400];
/** Whether the browser has raw pointer updates, which do not wait for the next frame: on average half a frame less. */
const HAS_RAW_UPDATES = 'onpointerrawupdate' in globalThis;

/**
 * Writes keyboard, mouse and gamepad input to `writer` until `detach`. Everything is released when the page loses the focus,
 * because it does not see then what the player lets go. A key that is still held acts again when the browser repeats it;
 * modifier keys and mouse buttons do so at the next event, which tells whether they are down.
 */
export class PageInput {
  readonly #options: PageInputOptions;
  readonly #writer: InputWriter;
  readonly #listeners = new AbortController();
  /** The player's gamepads. */
  readonly gamepads: GamepadInput;
  readonly #resize: ResizeObserver;
  readonly #controls: ControlSettings;
  /** Ends the notices about changed controls. */
  readonly #stop: () => void;
  readonly #picture = { left: 0, top: 0, width: 1, height: 1 };
  #locked = false;
  #isPaused = false;
  /** The modifier keys and the mouse buttons that were down when the page lost the focus, and may still be. */
  readonly #parkedKeys = new Set<string>();
  readonly #parkedButtons = new Set<number>();

  constructor(options: PageInputOptions) {
    this.#options = options;
    this.#writer = options.writer;
    this.#controls = options.controls ?? new ControlSettings();
    // A key that is held may now be another one.
    this.#stop = this.#controls.onChange(() => this.#writer.releaseAll());
    this.gamepads = new GamepadInput({
      writer: options.writer,
      onAct: () => options.onAct?.(),
      isWanted: () => options.hasGamepads?.() ?? true,
      settings: () => this.#controls.values,
    });
    const { stage, video } = options;
    this.#on(globalThis, 'keydown', this.#keyDown);
    this.#on(globalThis, 'keyup', this.#keyUp);
    this.#on(globalThis, 'blur', () => this.#park());
    this.#on(document, 'visibilitychange', () => document.hidden && this.#park());
    this.#on(document, 'pointerlockchange', this.#lockChange);
    this.#on(stage, HAS_RAW_UPDATES ? 'pointerrawupdate' : 'pointermove', this.#pointerMove);
    this.#on(stage, 'mousedown', this.#mouseButton);
    this.#on(globalThis, 'mouseup', this.#mouseButton);
    this.#on(stage, 'wheel', this.#wheel);
    this.#on(stage, 'contextmenu', (event) => event.preventDefault());
    this.#on(video, 'resize', this.#measure);
    // Scrolling a part of the page moves the picture too, and does not bubble.
    const { signal } = this.#listeners;
    addEventListener('scroll', this.#measure, { signal, capture: true, passive: true });
    this.#on(stage, 'pointerenter', this.#measure);
    this.#resize = new ResizeObserver(this.#measure);
    this.#resize.observe(video);
  }

  get locked(): boolean {
    return this.#locked;
  }

  /**
   * Locks the pointer to the picture, without the system's mouse acceleration if the browser can do that. Browsers allow
   * this in a secure context after a click.
   */
  async lock(): Promise<void> {
    const { stage } = this.#options;
    if (this.#locked || stage.requestPointerLock === undefined) return;
    try {
      await stage.requestPointerLock({ unadjustedMovement: true });
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotSupportedError') return;
      // If the browser refuses, the player goes on with a free pointer.
      await Promise.resolve(stage.requestPointerLock()).catch(() => {});
    }
  }

  /** Keeps keyboard, mouse and gamepads from the game, or gives them back, for as long as the player enters a text. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.gamepads.pause(isPaused);
    if (!isPaused) return;
    this.#parkedKeys.clear();
    this.#parkedButtons.clear();
    this.#writer.releaseAll();
    if (this.#locked) document.exitPointerLock();
  }

  detach(): void {
    this.#writer.releaseAll();
    this.#listeners.abort();
    this.gamepads.detach();
    this.#stop();
    this.#resize.disconnect();
    if (this.#locked) document.exitPointerLock();
  }

  #on<E extends Event>(target: EventTarget, type: string, listener: (event: E) => void): void {
    const { signal } = this.#listeners;
    target.addEventListener(type, listener as EventListener, { signal, passive: false });
  }

  /** Returns the HID usage that the game gets for a key that the player presses; 0 for none. */
  #usageOf(code: string): number {
    return KEYS[this.#controls.keyFor(code)] ?? 0;
  }

  #lockOf(): Parameters<typeof gameKey>[1] {
    if (this.#options.hasKeyboard?.()) return 'keyboard';
    return this.#locked ? 'pointer' : 'nothing';
  }

  readonly #keyDown = (event: KeyboardEvent): void => {
    if (this.#isPaused || (!this.#locked && this.#options.hasFocus?.() === false)) return;
    const usage = gameKey(event, this.#lockOf(), this.#controls.keyFor(event.code));
    this.#recall(event);
    if (usage === 0 || event.isComposing || belongsToPage(event, this.#locked)) return;
    event.preventDefault();
    // A repeated press of a key that counts as released: the key was held all the time while the page did not have the focus.
    this.#writer.key(usage, true);
    if (!event.repeat) this.#options.onAct?.();
  };

  readonly #keyUp = (event: KeyboardEvent): void => {
    // macOS sends no release of a key while Meta is down.
    if (event.code === 'MetaLeft' || event.code === 'MetaRight') this.#writer.releaseAll();
    this.#recall(event);
    const usage = this.#usageOf(event.code);
    if (usage !== 0) this.#writer.key(usage, false);
  };

  readonly #mouseButton = (event: MouseEvent): void => {
    const down = event.type === 'mousedown';
    if (isFromTouch(event) || (this.#isPaused && down)) return;
    if (down) {
      // preventDefault() prevents text selection and scrolling, but also the change of focus, so focus() makes that change.
      event.preventDefault();
      this.#options.stage.focus({ preventScroll: true });
      this.#options.onAct?.();
    }
    this.#recall(event);
    this.#writer.button(event.button, down);
    if (down && event.button === 0) void this.lock();
  };

  readonly #pointerMove = (event: PointerEvent): void => {
    if (event.pointerType === 'touch' || this.#isPaused) return;
    this.#recall(event);
    const { mouseSensitivity: gain, invertY } = this.#controls.values;
    if (this.#locked) this.#writer.move(event.movementX * gain, event.movementY * (invertY ? -gain : gain));
    else this.#point(event.clientX, event.clientY);
    this.#writer.commit();
  };

  readonly #wheel = (event: WheelEvent): void => {
    if (this.#isPaused) return;
    event.preventDefault();
    const unit = WHEEL_PIXELS[event.deltaMode] ?? 1;
    this.#writer.wheel(event.deltaX * unit, event.deltaY * unit);
    this.#writer.commit();
  };

  readonly #lockChange = (): void => {
    const { stage } = this.#options;
    // Outside a shadow tree, the document names the tree's host instead of the element.
    this.#locked = (stage.getRootNode() as Document | ShadowRoot).pointerLockElement === stage;
    this.#writer.lock(this.#locked);
    // The page still sees each release of a key, so what is held stays held.
    this.#writer.commit();
    this.#options.onLock?.(this.#locked);
  };

  /** Releases everything, and remembers what the next event of keyboard or mouse can say to be still held. */
  #park(): void {
    for (const { codes } of MODIFIERS)
      for (const code of codes) if (this.#writer.holdsKey(this.#usageOf(code))) this.#parkedKeys.add(code);
    for (const button of BUTTON_BITS.keys()) if (this.#writer.holdsButton(button)) this.#parkedButtons.add(button);
    this.#writer.releaseAll();
  }

  /** Presses what is remembered again if the event says that it is down, and forgets the rest. */
  #recall(event: KeyboardEvent | MouseEvent): void {
    if (this.#parkedKeys.size > 0) {
      for (const { codes, states } of MODIFIERS) {
        const isDown = states.some((state) => event.getModifierState(state));
        for (const code of codes) if (isDown && this.#parkedKeys.has(code)) this.#writer.key(this.#usageOf(code), true);
      }
      this.#parkedKeys.clear();
    }
    if (this.#parkedButtons.size === 0 || !(event instanceof MouseEvent)) return;
    for (const button of this.#parkedButtons)
      if ((event.buttons & (BUTTON_BITS[button] ?? 0)) !== 0) this.#writer.button(button, true);
    this.#parkedButtons.clear();
  }

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

/**
 * Tells whether a key operates the page instead of the game. Tab does until the pointer is locked, and so do Enter, Space,
 * Escape and the arrows while a button or another control has the focus.
 */
function belongsToPage(event: KeyboardEvent, locked: boolean): boolean {
  if (locked) return false;
  if (event.code === 'Tab') return true;
  // The event's own target, in a shadow tree too.
  const [target] = event.composedPath();
  const inControl = target instanceof Element && target.closest('button, a, input, select, textarea') !== null;
  return inControl && /^(Enter|Space|Arrow.*|Escape)$/.test(event.code);
}

/** Tells whether a browser made this mouse event from a touch, which the page has already handled. */
function isFromTouch(event: MouseEvent & { sourceCapabilities?: { firesTouchEvents: boolean } }): boolean {
  return event.sourceCapabilities?.firesTouchEvents === true;
}
