/** The module `nearlight/test` for a game's own tests. A test controls the game, which has no display and no clock. */
import { MESSAGE_BYTES_MAX, PAD_COUNT } from '../../renderer/contract/abi.ts';
import { isTopic, type Phase } from '../base/bus.ts';
import { readConfig } from '../base/config.ts';
import { noPad, type PadState } from '../base/pads.ts';
import type { RumbleEffect } from '../base/requests.ts';
import { CHANNELS, framesOfTicks } from '../base/sound.ts';
import type { Instance, Listening, LogLevel, Submission } from '../engine/engine.ts';
import { createJavaScriptEngine } from '../engine/javascript.ts';
import { type Gpu, openGpu } from '../gpu/dawn.ts';
import type { CommandReplay } from '../gpu/replay.ts';
import { KEYS } from '../player/keys.ts';
import { PlayerInput } from '../room/input.ts';
import type { PointerState } from '../stream/player.ts';
import { createStill, type Pixels, png, readPixels } from '../video/snapshot.ts';
import { type GamepadState, padOf } from './gamepad.ts';
import { createReplayFor, Launch } from './launch.ts';
import { buildGames } from './modules.ts';
import { readPlayable } from './playable.ts';
import { findGame, modulePath, openProject } from './project.ts';
import { type SentMessage, TestBus, timeOfTick } from './test-bus.ts';
import { type Question, TestRequests } from './test-requests.ts';

export interface TestOptions {
  /** Name of a game of the project; by default the first game. */
  game?: string;
  /** Seed of the game's random numbers, 1 by default. */
  seed?: number;
  /** Number of players that can join the game, 4 by default. */
  seats?: number;
  /** Ticks a second, 120 by default. */
  tickRate?: number;
  /** True to draw, which `picture` needs. By default commands are checked and not executed, which needs no GPU driver. */
  draw?: boolean;
}

/** The size of a picture in pixels. */
export interface PictureSize {
  width: number;
  height: number;
}

const STILL_POINTER: PointerState = {
  x: 0.5,
  y: 0.5,
  totalDx: 0,
  totalDy: 0,
  totalWheelX: 0,
  totalWheelY: 0,
  axes: [0, 0, 0, 0],
  locked: false,
};
const SIZE: PictureSize = { width: 320, height: 180 };

/**
 * Builds a game of the project in the working folder and loads it. The same seed and calls give the same game every time.
 * @throws Error with a code of host/base/errors.ts (NL_SOURCE, NL_MODULE_*, NL_GUEST_*, NL_COMMAND, NL_NO_GPU) in its message
 */
export async function loadGame(options: TestOptions = {}): Promise<TestGame> {
  const { seed = 1, seats = 4, tickRate = 120, draw = false } = options;
  const project = openProject();
  const source = findGame(options.game ?? project.games[0]?.name ?? '', project);
  await buildGames([source], () => {});
  const playable = await readPlayable(modulePath(source), {});
  const gpu = await openGpu({ hardwareRequired: false, log: () => {}, backend: draw ? 'vulkan' : 'null' });
  const lines: string[] = [];
  const launcher = new Launch({
    playable,
    engine: createJavaScriptEngine(),
    gpu,
    config: readConfig({}),
    session: { seed, tickRate, seats },
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  let instance: Instance | undefined;
  let replay: CommandReplay | undefined;
  try {
    instance = await launcher.createInstance();
    replay = createReplayFor(instance, launcher);
    replay.run(instance.initial);
    return new TestGame({ instance, replay, gpu, draw, seats, tickRate, lines });
  } catch (error) {
    await instance?.close();
    replay?.destroy();
    await gpu.close();
    throw error;
  }
}

interface Parts {
  instance: Instance;
  replay: CommandReplay;
  gpu: Gpu;
  draw: boolean;
  seats: number;
  tickRate: number;
  lines: string[];
}

/** A loaded game. Seats count from 0. Every call throws the error that ends the game, with its code in the message. */
export class TestGame {
  readonly #parts: Parts;
  readonly #inputs: PlayerInput[];
  /** The gamepads of each player who has had one. */
  readonly #pads: PadState[][] = [];
  #ticks = 0;
  #events = 0;
  readonly #requests: TestRequests;
  readonly #bus: TestBus;

  /** @internal Call loadGame instead. */
  constructor(parts: Parts) {
    this.#parts = parts;
    this.#inputs = Array.from({ length: parts.seats }, () => new PlayerInput());
    this.#requests = new TestRequests(parts.instance);
    this.#bus = new TestBus({
      now: () => timeOfTick(this.#ticks, parts.tickRate),
      ticks: () => this.#ticks,
      log: (level, message) => parts.lines.push(`${level} ${message}`),
    });
    parts.replay.observe({ ...this.#requests.observer, onBus: (request) => this.#bus.room.request(request) });
  }

  /** Lines that the game has logged, each as "LEVEL text", such as "info hello". */
  get log(): readonly `${LogLevel} ${string}`[] {
    return this.#parts.lines as `${LogLevel} ${string}`[];
  }

  /** Number of ticks that the game has made so far. */
  get ticks(): number {
    return this.#ticks;
  }

  /** Lets a player join the game in a seat. */
  async join(seat = 0): Promise<void> {
    this.#input(seat);
    this.#run(await this.#parts.instance.join(seat));
  }

  /** Lets the player in a seat leave the game. */
  async leave(seat = 0): Promise<void> {
    this.#run(await this.#parts.instance.leave(seat));
  }

  /** Presses a key until it is released. @param code KeyboardEvent.code, such as "KeyD" or "Space" */
  press(code: string, seat = 0): void {
    this.#input(seat).key(usageOf(code), true, ++this.#events);
  }

  /** Releases a key. @param code KeyboardEvent.code */
  release(code: string, seat = 0): void {
    this.#input(seat).key(usageOf(code), false, ++this.#events);
  }

  /** Presses or releases a button of the pointer: 0 left, 1 middle, 2 right. */
  button(button: number, down: boolean, seat = 0): void {
    this.#input(seat).button(button, down, ++this.#events);
  }

  /** Moves the pointer to a place on the picture. Both coordinates go from 0 (left, top) to 1. */
  point(x: number, y: number, seat = 0): void {
    this.#input(seat).pointer({ ...STILL_POINTER, x, y }, ++this.#events);
  }

  /** Connects one of a player's gamepads, or changes what the player does with it. Undefined takes it away. */
  gamepad(state: GamepadState | undefined, { seat = 0, pad = 0 } = {}): void {
    const input = this.#input(seat);
    if (!(pad >= 0 && pad < PAD_COUNT))
      throw new RangeError(`there is no gamepad ${pad}; a player has ${PAD_COUNT}, counted from 0`);
    const pads = this.#pads[seat] ?? Array.from({ length: PAD_COUNT }, noPad);
    this.#pads[seat] = pads;
    pads[pad] = state ? padOf(state) : noPad();
    input.pads.set(pads, false);
  }

  /** The effects of gamepads that the game has asked for, from the oldest to the newest. */
  rumbles(seat = 0): readonly RumbleEffect[] {
    this.#input(seat);
    return this.#requests.rumbles(seat);
  }

  /** The text that the game waits for: the prompt, the initial text and the limit of its length. Undefined if it waits for none. */
  question(seat = 0): Question | undefined {
    this.#input(seat);
    return this.#requests.question(seat);
  }

  /** Submits a text that the game waits for, which it gets in the next tick; cancels it if the text is undefined. */
  answer(text: string | undefined, seat = 0): void {
    this.#input(seat);
    this.#requests.answer(seat, text);
  }

  /** The messages that the game has sent to other rooms, from the oldest to the newest, without those that the host drops. */
  get sent(): readonly SentMessage[] {
    return this.#bus.sent;
  }

  /**
   * Sends a message from another room, which the game gets in the next tick. Returns false if it does not subscribe to the topic.
   * @param content bytes, or a text that is sent in UTF-8 @param origin number of the room
   */
  send(topic: string, content: Uint8Array | string, origin = 2n): boolean {
    if (!isTopic(topic)) throw new RangeError(`"${topic}" is not a topic: words of a-z, 0-9, _ and -, joined by dots`);
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    if (bytes.length > MESSAGE_BYTES_MAX)
      throw new RangeError(`a message of ${bytes.length} bytes is longer than ${MESSAGE_BYTES_MAX}`);
    return this.#bus.send(topic, bytes, origin);
  }

  /** Phase of the match; undefined if the game has set none. */
  get phase(): Phase | undefined {
    return this.#bus.room.phase;
  }

  /** The state of the player in a seat, for another room; undefined if the game does not export export_player. */
  exportPlayer(seat = 0): Promise<Uint8Array | undefined> {
    this.#input(seat);
    return this.#parts.instance.exportPlayer(seat);
  }

  /** Gives the player in a seat what another room has exported. Returns false if the game refuses it. */
  async importPlayer(state: Uint8Array, seat = 0): Promise<boolean> {
    this.#input(seat);
    const { accepted, submission } = await this.#parts.instance.importPlayer(seat, state);
    this.#run(submission);
    return accepted;
  }

  /** Makes the game run `count` ticks, one after the other. */
  async tick(count = 1): Promise<void> {
    for (let n = 0; n < count; n++) await this.#tick();
  }

  /**
   * Makes the game run `count` ticks, one after the other. Returns the sound that one player hears: 48,000 frames a second, left
   * and right of each frame in turn, from -1 to 1. It is silent for a game that does not export `audio`.
   */
  async listen(count = 1, seat = 0): Promise<Float32Array> {
    this.#input(seat);
    const { tickRate } = this.#parts;
    const samples = new Float32Array(framesOfTicks(this.#ticks, count, tickRate) * CHANNELS);
    let at = 0;
    for (let n = 0; n < count; n++) {
      const frames = framesOfTicks(this.#ticks, 1, tickRate);
      const { sound } = await this.#tick({ seats: [seat], frames });
      if (sound) samples.set(sound, at);
      at += frames * CHANNELS;
    }
    return samples;
  }

  /** Lets the game draw one player's picture, and checks its commands. Returns the number of all commands sent so far. */
  async render({ seat = 0, ...size }: { seat?: number } & Partial<PictureSize> = {}): Promise<number> {
    const texture = await this.#draw(seat, size);
    texture.destroy();
    return this.#parts.replay.stats().commands;
  }

  /** Draws one player's picture and reads its pixels back from the GPU. Needs loadGame({ draw: true }). */
  async picture({ seat = 0, ...size }: { seat?: number } & Partial<PictureSize> = {}): Promise<Picture> {
    if (!this.#parts.draw) throw new Error('there are no pictures: load the game with loadGame({ draw: true })');
    const texture = await this.#draw(seat, size);
    try {
      return new Picture(await readPixels(this.#parts.gpu.device, texture));
    } finally {
      texture.destroy();
    }
  }

  /** The state that the game saves; undefined if it exports no save. */
  save(): Promise<Uint8Array | undefined> {
    return this.#parts.instance.save();
  }

  /** Restores a saved state in a game that was just loaded. */
  async restore(state: Uint8Array): Promise<void> {
    this.#run(await this.#parts.instance.restore(state));
  }

  async close(): Promise<void> {
    const { instance, replay, gpu } = this.#parts;
    await instance.close();
    replay.destroy();
    await gpu.close();
  }

  async #tick(listening?: Listening): Promise<Submission> {
    const { instance } = this.#parts;
    for (const [seat, input] of this.#inputs.entries()) input.write(instance, seat);
    this.#bus.deliver(instance);
    const submission = await instance.tick(this.#ticks++, listening);
    this.#run(submission);
    for (const input of this.#inputs) input.endTick();
    return submission;
  }

  async #draw(seat: number, size: Partial<PictureSize>): Promise<GPUTexture> {
    const { instance, replay, gpu } = this.#parts;
    const { width, height } = { ...SIZE, ...size };
    this.#input(seat).write(instance, seat);
    const texture = createStill(gpu.device, { width, height });
    replay.run(await instance.render(seat, width, height), { texture, view: texture.createView() });
    return texture;
  }

  #run(submission: Submission): void {
    if (submission.commands.length > 0) this.#parts.replay.run(submission);
  }

  #input(seat: number): PlayerInput {
    const input = this.#inputs[seat];
    if (!input) throw new RangeError(`there is no seat ${seat}; this game has ${this.#inputs.length}, counted from 0`);
    return input;
  }
}

/** A player's picture whose pixels were read back from the GPU. */
export class Picture {
  readonly width: number;
  readonly height: number;
  readonly #pixels: Pixels;

  /** @internal Call TestGame.picture instead. */
  constructor(pixels: Pixels) {
    this.#pixels = pixels;
    this.width = pixels.width;
    this.height = pixels.height;
  }

  /** Red, green and blue of a pixel, 0 to 255 each; (0, 0) is at the top left. */
  at(x: number, y: number): [red: number, green: number, blue: number] {
    const { rgba, bytesPerRow, width, height } = this.#pixels;
    if (!(x >= 0 && x < width && y >= 0 && y < height))
      throw new RangeError(`pixel ${x}, ${y} lies outside a picture of ${width}x${height}`);
    const [red = 0, green = 0, blue = 0] = rgba.subarray(y * bytesPerRow + x * 4);
    return [red, green, blue];
  }

  /** The picture as a PNG file. */
  png(): Uint8Array {
    return png(this.#pixels);
  }
}

function usageOf(code: string): number {
  const usage = KEYS[code];
  if (usage === undefined)
    throw new RangeError(`there is no key ${code}; give a KeyboardEvent.code such as KeyA or Space`);
  return usage;
}
