import { createAudioEncoder } from '../../host/audio/opus.ts';
import { systemClock } from '../../host/base/clock.ts';
import { type Config, readConfig } from '../../host/base/config.ts';
import { NearlightError } from '../../host/base/errors.ts';
import type { PadState } from '../../host/base/pads.ts';
import { milli, toMicro } from '../../host/base/time.ts';
import { Meters } from '../../host/observe/meters.ts';
import { buildPlayer } from '../../host/player/build.ts';
import { SoundStream } from '../../host/room/sound.ts';
import type { HeldState, Player, PlayerConnection, PointerState, ViewRequest } from '../../host/stream/player.ts';
import { createStreamServer } from '../../host/stream/server.ts';
import { createVideoEncoder } from '../../host/video/h264.ts';

export const SHORT_HOLD_MS = 300;
const DARK = 40;
const LIGHT = 225;

/** A player who sees a picture with a moving bar. The picture is dark, and light while a key or button is down. */
class PaintedPlayer implements Player {
  readonly seat = 0;
  readonly seats = 4;
  readonly game = 'Arena';
  width = 0;
  height = 0;
  fps = 0;
  /** The limit that the page sets for the bit rate of its picture. */
  bitrateMax: number | undefined;
  readonly held = new Set<string>();
  readonly pressed: string[] = [];
  readonly totals = { dx: 0, dy: 0, wheelX: 0, wheelY: 0 };
  readonly pointer = { x: 0, y: 0, locked: false, axes: [0, 0, 0, 0] };
  connection: PlayerConnection | undefined;
  /** Answers of the player to requests for a text. */
  readonly texts: [number: number, text: string | undefined][] = [];
  /** The newest state of the player's gamepads. */
  pads: PadState[] = [];
  closed: string | undefined;
  /** Whether the page says that it is hidden, or muted. */
  hidden = false;
  muted = false;
  /** Number of times that the connection was lost while the seat was kept. */
  lost = 0;
  keyframe = true;
  /** Number of packets of sound that were sent. */
  packetsSung = 0;
  /** The pictures that the page has asked for, at first and at each return. */
  readonly views: ViewRequest[] = [];
  #sequence = 0;
  #readAt = 0;
  #frames = 0;

  readonly input = {
    key: (usage: number, down: boolean, sequence: number) => this.#edge(`key ${usage}`, down, sequence),
    button: (button: number, down: boolean, sequence: number) => this.#edge(`button ${button}`, down, sequence),
    padButton: (pad: number, button: number, down: boolean, sequence: number) =>
      this.#edge(`pad ${pad} button ${button}`, down, sequence),
    releaseAll: (sequence: number) => {
      this.held.clear();
      this.pointer.axes.fill(0);
      this.#read(sequence);
    },
    held: ({ keys, buttons, pads = [], hidden, muted = false }: HeldState, sequence: number) => {
      this.pads = structuredClone([...pads]);
      this.hidden = hidden;
      this.muted = muted;
      const now = new Set<string>();
      for (let key = 0; key < 256; key++) if (((keys[key >>> 5] ?? 0) & (1 << (key & 31))) !== 0) now.add(`key ${key}`);
      for (let button = 0; button < 32; button++) if ((buttons & (1 << button)) !== 0) now.add(`button ${button}`);
      for (const [pad, { buttons: down }] of pads.entries())
        for (let button = 0; button < 17; button++)
          if ((down & (1 << button)) !== 0) now.add(`pad ${pad} button ${button}`);
      for (const name of now) if (!this.held.has(name)) this.pressed.push(name);
      this.held.clear();
      for (const name of now) this.held.add(name);
      this.#read(sequence);
    },
    pace: () => {},
    text: (number: number, text: string | undefined) => void this.texts.push([number, text]),
    pointer: (state: PointerState, sequence: number) => {
      Object.assign(this.pointer, {
        x: state.x,
        y: state.y,
        locked: state.locked,
        axes: [...state.axes],
      });
      Object.assign(this.totals, {
        dx: state.totalDx / 16,
        dy: state.totalDy / 16,
      });
      Object.assign(this.totals, {
        wheelX: state.totalWheelX / 16,
        wheelY: state.totalWheelY / 16,
      });
      this.#read(sequence);
    },
  };

  readonly wanted: Player['wanted'];

  constructor(view: ViewRequest, wanted?: Player['wanted']) {
    this.wanted = wanted;
    this.#ask(view);
  }

  #ask(view: ViewRequest): void {
    this.views.push(view);
    this.width = view.width;
    this.height = view.height;
    this.fps = view.fps;
    this.bitrateMax = view.bitrate;
  }

  onConnected(connection: PlayerConnection): void {
    this.connection = connection;
    void this.#play(connection);
  }

  onKeyframe(): void {
    this.keyframe = true;
  }

  onFeedback(): void {}

  onLost(): void {
    this.connection = undefined;
    this.held.clear();
    this.lost++;
  }

  canReturn(): boolean {
    return this.closed === undefined;
  }

  return(view: ViewRequest): Player {
    this.#ask(view);
    this.connection = undefined;
    this.held.clear();
    this.#sequence = 0;
    this.keyframe = true;
    return this;
  }

  onClosed(reason: string): void {
    this.closed = reason;
  }

  #edge(name: string, down: boolean, sequence: number): void {
    if (down) {
      this.held.add(name);
      this.pressed.push(name);
    } else this.held.delete(name);
    this.#read(sequence);
  }

  #read(sequence: number): void {
    if (((sequence - this.#sequence) | 0) <= 0) return;
    this.#sequence = sequence;
    this.#readAt = performance.now();
  }

  /** Sends a tone of 1000 Hz on the left, and silence on the right, until the page leaves. A muted page gets none. */
  async sing(): Promise<void> {
    const send = this.connection?.sendAudio;
    if (!send) throw new Error('the page takes no sound');
    const sound = new SoundStream({
      encoder: await createAudioEncoder({ bitrate: 96_000 }),
      clock: systemClock,
      send: (packet, info) => {
        this.packetsSung++;
        return send(packet, info);
      },
      onError: () => {},
    });
    // The ticks do not begin where the wave begins.
    const tone = Float32Array.from({ length: 960 }, (_, n) =>
      n % 2 === 0 ? 0.5 * Math.sin((2 * Math.PI * (n + 24)) / 96) : 0,
    );
    let due = performance.now();
    while (this.closed === undefined) {
      if (this.muted) sound.skip(480);
      else sound.play(tone);
      due += 10;
      await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    }
    await sound.close();
  }

  async #play(connection: PlayerConnection): Promise<void> {
    const { width, height, fps } = this;
    const encoder = await createVideoEncoder({
      width,
      height,
      fps,
      bitrate: 4_000_000,
      hardware: false,
      log: () => {},
    });
    const y = new Uint8Array(width * height);
    const u = new Uint8Array((width * height) / 4).fill(150);
    const v = new Uint8Array((width * height) / 4).fill(118);
    const strides = { yStride: width, uStride: width / 2, vStride: width / 2 };
    const timer = setInterval(async () => {
      if (this.closed !== undefined || this.connection !== connection) {
        clearInterval(timer);
        return encoder.close();
      }
      paint(y, {
        width,
        height,
        frame: ++this.#frames,
        light: this.held.size > 0,
      });
      const inputSequence = this.#sequence;
      const readAt = this.#readAt;
      const takenAt = systemClock.now();
      const { keyframe } = this;
      this.keyframe = false;
      const unit = await encoder.encode(
        { width, height, y, u, v, ...strides, release: () => {} },
        { keyframe, timestampUs: toMicro(takenAt) },
      );
      if (unit === undefined) return;
      connection.sendFrame(unit.data, {
        rtpTimestamp: Math.round(takenAt * 90) >>> 0,
        keyframe: unit.keyframe,
        inputSequence,
        inputToSendUs: toMicro(milli(systemClock.now() - takenAt)),
        times: { waitMs: takenAt - readAt, tickMs: 0, turnMs: 0, drawMs: 0, readbackMs: 0 },
      });
    }, 1000 / fps);
  }
}

function paint(
  y: Uint8Array,
  { width, height, frame, light }: { width: number; height: number; frame: number; light: boolean },
) {
  y.fill(light ? LIGHT : DARK);
  const left = (frame * 4) % (width - 16);
  for (let row = 0; row < height; row += 1) y.fill(light ? DARK : 120, row * width + left, row * width + left + 16);
}

/**
 * Starts the real server and page with painted pictures in place of a game. While `refuse` is set, no seat is free. `wanted` is the
 * picture that a page is said to have asked for.
 */
export async function startGame(settings: Partial<Config> = {}) {
  const seats: PaintedPlayer[] = [];
  const spectators: PaintedPlayer[] = [];
  // Seats wait only for a moment, so that a test need not wait for the seats of the test before.
  const config = { ...readConfig({}), host: '127.0.0.1', port: 0, returnMsMax: SHORT_HOLD_MS, ...settings };
  const game = {
    refuse: false,
    wanted: undefined as Player['wanted'],
    seats,
    spectators,
    config,
    url: '',
    close: async () => {},
  };
  const server = await createStreamServer({
    config,
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    files: await buildPlayer(),
    defaultView: { width: 1280, height: 720, fps: 60 },
    admit: async (view) => {
      if (game.refuse) throw new NearlightError('NL_ROOM_FULL', 'all 4 seats are taken; try again in a moment');
      return () => {
        const seat = new PaintedPlayer(view, game.wanted);
        seats.push(seat);
        return seat;
      };
    },
    watch: async (view) => () => {
      const spectator = new PaintedPlayer(view);
      spectators.push(spectator);
      return spectator;
    },
    meters: new Meters(),
  });
  game.url = server.url;
  game.close = () => server.close();
  return game;
}
