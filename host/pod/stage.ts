import type { Socket } from 'node:dgram';
import { packAssets } from '../../assets/folder.ts';
import { type Config, readConfig, settings } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { WasmEdgeEngine } from '../engine/wasmedge/engine.ts';
import type { Gpu } from '../gpu/dawn.ts';
import { Meters } from '../observe/meters.ts';
import { Launch, relaunch } from '../play/launch.ts';
import { seedOf } from '../play/playable.ts';
import { roomOptions } from '../play/room.ts';
import { type ServeOptions, serve } from '../play/server.ts';
import { Audience } from '../room/audience.ts';
import type { Room } from '../room/room.ts';
import { openRelay, type Relay } from '../stream/relay.ts';
import type { StreamServer } from '../stream/server.ts';
import { createStill, encodePng } from '../video/snapshot.ts';
import { type ColdStart, PodGame } from './game.ts';
import type { CommandResult, Game, GameRequest, Stage } from './pod.ts';

/** What a pod's own environment sets: the game, its players and their pictures. All else is the node's, the bounds of modules first. */
const POD_SETTINGS = [
  'port',
  'host',
  'gpuEnabled',
  'maxPlayers',
  'tickRate',
  'seed',
  'viewWidthMax',
  'viewHeightMax',
  'viewFpsMax',
  'bitrateMax',
  'offerBytesMax',
  'offerLineBytesMax',
  'inputBytesMax',
  'connectMsMax',
  'icePort',
  'iceAddress',
  'idleMsMax',
  'holdMsMax',
  'closeMsMax',
  'keyframeMsMin',
  'stallMsMax',
  'channelBytesMax',
  'inputErrorsMax',
  'inputRateMax',
] as const satisfies readonly (keyof Config)[];
/** In a network of its own a pod has every port. */
const ICE_PORT = 50_000;
/** A page is heard from each of its addresses until one is chosen. */
const PATHS_PER_PLAYER = 8;
const STILL = { width: 1280, height: 720 };
const STILL_PIXELS_MIN = 16;

/** What a process opens before it knows its pod. */
export interface Shared {
  config: Config;
  log: Log;
  gpu: Gpu;
  engine: WasmEdgeEngine;
  files: ServeOptions['files'];
  /** A socket on the node's own network, and the address at which players reach it; undefined where the node has no ports for it. */
  door: { socket: Socket; address: string } | undefined;
}

/** The stages of a pod, joined: one game at a time, and the players who stay while games come and go. */
export class PodStage implements Stage {
  readonly #shared: Shared;
  #audience: Audience | undefined;
  #server: StreamServer | undefined;
  #room: Room | undefined;
  #relay: Relay | undefined;
  #coldStart: ColdStart | undefined;
  readonly #meters = new Meters();
  #closed = false;
  #open!: () => void;
  /** Resolves when players can come. */
  readonly opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** The room that is played, if there is one. */
  get rooms(): Room[] {
    return this.#audience?.rooms ?? [];
  }

  async load(request: GameRequest): Promise<Game> {
    const { gpu, engine } = this.#shared;
    const coldStart: ColdStart = { createdAt: request.createdAt };
    const config = podConfig(this.#shared.config, request.env);
    if (config.gpuEnabled && gpu.software)
      throw new NearlightError(
        'NL_NO_GPU',
        `GPU_ENABLED=true, but this node's only adapter renders in software (${gpu.adapter.description}); schedule the pod on a node with a GPU and its driver, or leave GPU_ENABLED out`,
      );
    const assets = request.assets === undefined ? new Uint8Array(0) : await packAssets(request.assets);
    const { name, module, log } = request;
    const launcher = new Launch({
      playable: { name, module, assets },
      engine,
      gpu,
      config,
      session: { seed: seedOf(config), tickRate: config.tickRate, seats: config.maxPlayers },
      log: (level, message) => log(level, `${name}: ${message}`),
    });
    const instance = await launcher.createInstance();
    coldStart.loadedMs = performance.now() - coldStart.createdAt;
    this.#coldStart = coldStart;
    return new PodGame({
      instance,
      launcher,
      options: roomOptions({ name, config, log, gpu, meters: this.#meters }),
      reload: () => relaunch(launcher),
      renewed: () => request.renewed(),
      hold: request.hold,
      coldStart,
      show: (room) => this.#show(room, config, request),
      // Its successor finds a process that waits.
      gone: () => {
        if (!this.#closed) void engine.prepare(this.#shared.config).catch(() => {});
      },
    });
  }

  async command(args: readonly string[]): Promise<CommandResult> {
    const [name = '', argument] = args;
    const room = this.#room;
    if (name === 'status') return text(`${JSON.stringify(this.#status(), null, 2)}\n`);
    if (name === 'players') return text(`${room?.players ?? 0}\n`);
    if (name === 'health') {
      const problem = this.#problem();
      return problem === undefined ? text('ready\n') : { status: 1, stdout: '', stderr: `${problem}\n` };
    }
    if (name === 'snapshot') return this.#snapshot(argument);
    const stderr = `${name}: there is no such program in a game's pod; there is: status, players, health, snapshot [WIDTHxHEIGHT] (PNG)\n`;
    return { status: 127, stdout: '', stderr };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#shared.engine.close();
    await this.#audience?.close();
    await this.#server?.close();
    this.#server = undefined;
    this.#relay?.close();
  }

  /** Why nobody could play now. */
  #problem(): string | undefined {
    const room = this.#room;
    if (!room || room.isClosed) return 'no game is running';
    if (!this.#server) return 'the server does not listen yet';
    return undefined;
  }

  async #show(room: Room, asked: Config, { hold, log, ownNetwork }: GameRequest): Promise<void> {
    this.#room = room;
    this.#audience ??= new Audience(asked.holdMsMax);
    this.#audience.show(room, hold);
    if (this.#server) return this.#open();
    const { gpu, engine, files, door } = this.#shared;
    const lobby = this.#audience;
    // On the node's own network there is nothing to relay.
    const relayed = ownNetwork ? door : undefined;
    const config = relayed ? { ...asked, icePort: asked.icePort || ICE_PORT } : asked;
    this.#relay =
      relayed &&
      openRelay({
        ...relayed,
        target: { address: '127.0.0.1', port: config.icePort },
        pathsMax: config.maxPlayers * PATHS_PER_PLAYER,
        idleMs: config.idleMsMax * 2,
      });
    this.#server = await serve({
      config,
      ...(this.#relay ? { relay: this.#relay } : {}),
      log,
      gpu,
      engine,
      lobby,
      files,
      meters: this.#meters,
      coldStart: () => phases(this.#coldStart),
      more: () => ({ coldStart: told(this.#coldStart) }),
    });
    log('info', `playing at port ${this.#server.port}`);
    this.#open();
  }

  #status(): object {
    const { gpu, engine } = this.#shared;
    return {
      engine: engine.name,
      gpu: gpu.adapter,
      ready: this.#problem() === undefined,
      coldStart: told(this.#coldStart),
      rooms: this.rooms.map((room) => room.status()),
    };
  }

  async #snapshot(size: string | undefined): Promise<CommandResult> {
    const { gpu, config } = this.#shared;
    const [, w, h] = /^(\d{1,5})x(\d{1,5})$/.exec(size ?? `${STILL.width}x${STILL.height}`) ?? [];
    const [width, height] = [Number(w), Number(h)];
    const fits =
      width >= STILL_PIXELS_MIN &&
      height >= STILL_PIXELS_MIN &&
      width <= config.viewWidthMax &&
      height <= config.viewHeightMax;
    if (!fits) {
      const most = `${config.viewWidthMax}x${config.viewHeightMax}`;
      return {
        status: 2,
        stdout: '',
        stderr: `snapshot ${size}: give WIDTHxHEIGHT, from ${STILL_PIXELS_MIN} pixels to ${most}\n`,
      };
    }
    const room = this.#room;
    if (!room) return { status: 1, stdout: '', stderr: 'no game is running\n' };
    const texture = createStill(gpu.device, { width, height });
    try {
      await room.picture({ texture, view: texture.createView() });
      return { status: 0, stdout: await encodePng(gpu.device, texture), stderr: '' };
    } finally {
      texture.destroy();
    }
  }
}

/** A pod's settings: what `env` says of its own ones, what the node says of all others. @throws NearlightError NL_SETTING */
export function podConfig(node: Config, env: Record<string, string>): Config {
  const read = readConfig(
    Object.fromEntries(POD_SETTINGS.map((name) => [settings[name].env, env[settings[name].env]])),
  );
  const own = Object.fromEntries(POD_SETTINGS.map((name) => [name, read[name]]));
  // In a pod every address is the pod's own.
  return { ...node, ...own, host: env.HOST ?? '' };
}

/** A start's phases that are over, in seconds. */
function phases(start: ColdStart | undefined): Record<string, number> {
  const { loadedMs, firstTickMs, readyMs, firstFrameMs } = start ?? {};
  const all = Object.entries({ loaded: loadedMs, first_tick: firstTickMs, ready: readyMs, first_frame: firstFrameMs });
  return Object.fromEntries(all.flatMap(([phase, ms]) => (ms === undefined ? [] : [[phase, ms / 1000]])));
}

/** With the time of day: the process's own clock means nothing to others. */
function told(coldStart: ColdStart | undefined): ColdStart | undefined {
  return coldStart && { ...coldStart, createdAt: performance.timeOrigin + coldStart.createdAt };
}

function text(stdout: string): CommandResult {
  return { status: 0, stdout, stderr: '' };
}
