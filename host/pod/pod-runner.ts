import type { Socket } from 'node:dgram';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Bus } from '../base/bus.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { ServerState } from '../base/lifecycle.ts';
import type { Log } from '../base/log.ts';
import type { Tracer } from '../base/trace.ts';
import { admissionMode } from '../edge/admission/mode.ts';
import { createDependencies, type Dependencies } from '../edge/dependencies/dependencies.ts';
import type { WasmEdgeEngine } from '../engine/wasmedge/engine.ts';
import type { Gpu } from '../gpu/dawn.ts';
import type { ShaderVetting } from '../gpu/vetting.ts';
import { DeviceWatch } from '../gpu/watch.ts';
import type { Meters } from '../observe/meters.ts';
import { openTracing, type Tracing } from '../observe/tracing/tracing.ts';
import { openBus } from '../play/bus.ts';
import { LinkedEdge } from '../play/edge-link.ts';
import { Launch, relaunch } from '../play/launch.ts';
import { seedOf } from '../play/playable.ts';
import { openResilience, type Resilience } from '../play/resilience.ts';
import { pixelBudget, roomOptions } from '../play/room.ts';
import { type ServeOptions, type Servers, serve } from '../play/server.ts';
import { reportOf } from '../play/server-report.ts';
import { traceLoad } from '../play/tracing.ts';
import { Audience } from '../room/audience.ts';
import type { PixelBudget } from '../room/pixels.ts';
import type { Room } from '../room/room.ts';
import { createStill, encodePng } from '../video/snapshot.ts';
import { type ColdStart, phaseSeconds, sinceRequest, withWallClock } from './cold-start.ts';
import { PodDrain } from './pod-drain.ts';
import { PodGame } from './pod-game.ts';
import { PodMatches } from './pod-matches.ts';
import { podConfig } from './pod-settings.ts';
import { Restarts } from './restarts.ts';
import { resume } from './resumption.ts';
import type { CommandResult, GameRequest, GameRunner, LoadedGame } from './runner.ts';
import type { User } from './security-context.ts';

/** The UDP port of all players' connections in a pod that has its own network, where every port is free. */
const ICE_PORT = 50_000;
const SNAPSHOT = { width: 1280, height: 720 };
const SNAPSHOT_PIXELS_MIN = 16;
const NO_ASSETS = new Uint8Array(0);
/** The exit status of a shell that does not find a program. */
const NO_SUCH_PROGRAM = 127;

/** The parts that a host process opens before a pod takes it. */
export interface HostParts {
  config: Config;
  log: Log;
  gpu: Gpu;
  engine: WasmEdgeEngine;
  meters: Meters;
  /** Tries shaders before this process compiles them. */
  vetting: ShaderVetting;
  /** The files of the players' web page. */
  files: ServeOptions['files'];
  /** A UDP socket in the node's network, and the address at which players reach it; undefined if the node offers no ports. */
  nodePort: { socket: Socket; address: string } | undefined;
  /** Connects to the edge service of the node; undefined if the node has none. */
  connectEdge?: (() => Promise<Duplex>) | undefined;
}

/** Runs one game at a time, and keeps its players connected while one game follows another. */
export class PodRunner implements GameRunner {
  readonly #parts: HostParts;
  readonly #meters: Meters;
  readonly #pixels: PixelBudget;
  #audience: Audience | undefined;
  #servers: Servers | undefined;
  #room: Room | undefined;
  /** Opened for the first game, when the process is in the pod's network. */
  #bus: Bus | undefined;
  #dependencies: Dependencies | undefined;
  #tracing: Tracing | undefined;
  #resilience: Resilience | undefined;
  /** Connected for the first game, whose start does not wait for it. */
  #edge: LinkedEdge | undefined;
  #matches: PodMatches | undefined;
  /** Opened for the first game. */
  #drain: PodDrain | undefined;
  /** The game of the newest container. */
  #game: PodGame | undefined;
  /** Whether a game is being started. */
  #isStarting = true;
  readonly #restarts = new Restarts(systemClock);
  /** The log of the newest container, for what outlives a container. */
  #log: Log = () => {};
  #coldStart: ColdStart | undefined;
  #closed = false;
  readonly #resolveOpened: () => void;
  /** Resolves when players can join the pod's first game. */
  readonly opened: Promise<void>;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#meters = parts.meters;
    this.#pixels = pixelBudget(parts.config, parts.gpu);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.opened = promise;
    this.#resolveOpened = resolve;
  }

  /** The room in which the game runs, as a list of one; empty if no game is running. */
  get rooms(): Room[] {
    return this.#audience?.rooms ?? [];
  }

  prepareAs(user: User): Promise<void> {
    return this.#parts.engine.prepareAs(user, this.#parts.config);
  }

  async load(request: GameRequest): Promise<LoadedGame> {
    const { gpu, engine, vetting } = this.#parts;
    const coldStart: ColdStart = { createdAt: request.createdAt };
    this.#isStarting = true;
    this.#restarts.noteStart();
    // The environment of a pod changes no limit of its game.
    engine.expect(request.module, { limits: this.#parts.config, log: request.log });
    // The question for its native code leaves this process before the rest is prepared.
    await setImmediate();
    const ofPod = podConfig(this.#parts.config, request.env);
    // A rehearsal asks no edge service.
    const config = this.#parts.connectEdge ? ofPod : { ...ofPod, edgeSocket: '' };
    admissionMode(config);
    if (config.gpuEnabled && gpu.software)
      throw new NearlightError(
        'NL_NO_GPU',
        `GPU_ENABLED=true, but this node's only adapter renders in software (${gpu.adapter.description}); schedule the pod on a node with a GPU and its driver, or leave GPU_ENABLED out`,
      );
    const { name, module, assets, user, log } = request;
    this.#log = log;
    const drain = this.#drain ?? this.#openDrain(config);
    this.#drain = drain;
    this.#tracing ??= openTracing({ config, log: this.#logNewest, meters: this.#meters });
    const { tracer, taps } = this.#tracing;
    this.#edge ??= this.#linkEdge(config, tracer, request.podUid);
    this.#matches ??= this.#openMatches(config, request);
    const own = this.#matches?.begin(name);
    const launcher = new Launch({
      playable: { name, module, ...(assets ? { assets: assets.bytes, assetsFd: assets.fd } : { assets: NO_ASSETS }) },
      engine: this.#edge?.keepSessions(engine, name) ?? engine,
      gpu,
      vetting,
      config,
      session: { seed: seedOf(config), tickRate: config.tickRate, seats: config.maxPlayers },
      user,
      log: (level, message) => log(level, `${name}: ${message}`, { room: name }),
    });
    this.#resilience ??= openResilience({ config, log, meters: this.#meters });
    this.#bus ??= openBus({
      config,
      log,
      meters: this.#meters,
      dependency: this.#dependenciesOf(config, log).nats,
      resilience: this.#resilience,
    });
    const { instance: loaded, onFirstTick } = await traceLoad(tracer, launcher, name);
    const match = await own?.kept;
    const { instance, resumption } = await resume({ name, instance: loaded, launcher, match, config, log });
    coldStart.loadedMs = sinceRequest(coldStart);
    this.#coldStart = coldStart;
    const game = new PodGame({
      instance,
      launcher,
      options: {
        ...roomOptions({
          name,
          config,
          log,
          gpu,
          meters: this.#meters,
          pixels: this.#pixels,
          bus: this.#bus,
          sink: this.#edge,
          tap: taps.of(name),
        }),
        onFirstTick,
      },
      reload: () => relaunch(launcher),
      renewed: () => request.renewed(),
      resumption,
      hold: request.hold,
      coldStart,
      show: (room) => {
        own?.watch(room);
        return this.#show(room, config, request);
      },
      ...(request.hold && config.drainSecondsMax > 0 ? { drain: () => drain.begin(config.drainSecondsMax) } : {}),
      stopping: async (room) => {
        await own?.close();
        if (request.hold) await drain.keep(room);
      },
      gone: () => {
        // Start a guest process in advance, which the next game will find waiting.
        if (!this.#closed) void engine.prepare(this.#parts.config).catch(() => {});
      },
    });
    this.#game = game;
    void game.ended.then(() => this.#restarts.noteEnd());
    return game;
  }

  async command(args: readonly string[]): Promise<CommandResult> {
    const [name = '', argument] = args;
    switch (name) {
      case 'status':
        return printed(`${JSON.stringify(this.#status(), null, 2)}\n`);
      case 'players':
        return printed(`${this.#room?.players ?? 0}\n`);
      case 'state':
        return printed(`${this.#state}\n`);
      case 'idle':
        return this.#isIdle ? printed('idle\n') : failed(1, 'players are here or expected');
      case 'drain':
        return this.#game?.drain()
          ? printed('draining\n')
          : failed(1, 'the game is draining already, or DRAIN_SECONDS_MAX is 0');
      case 'health': {
        const problem = this.#problem();
        return problem === undefined ? printed('ready\n') : failed(1, problem);
      }
      case 'snapshot':
        return this.#snapshot(argument);
      default:
        return failed(
          NO_SUCH_PROGRAM,
          `${name}: a game's pod has no such program; it has: status, players, state, idle, drain, health, snapshot [WIDTHxHEIGHT] (PNG)`,
        );
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#resilience?.close();
    await this.#matches?.close();
    await this.#drain?.sendOn();
    await this.#parts.engine.close();
    await this.#audience?.close();
    await this.#bus?.close();
    await this.#edge?.close();
    await this.#servers?.close();
    await this.#tracing?.close();
    this.#servers = undefined;
  }

  readonly #logNewest: Log = (...line) => this.#log(...line);

  #linkEdge(config: Config, tracer: Tracer, uid: string | undefined): LinkedEdge | undefined {
    const { connectEdge: connect } = this.#parts;
    if (!connect) return undefined;
    const log = this.#logNewest;
    const { endpoints } = this.#dependenciesOf(config, log);
    const report = (ofPod: string) => () => {
      const { arrived = {}, measures } = this.#servers ?? {};
      const { rooms } = this;
      return reportOf({ uid: ofPod, rooms, lifecycle: this.#servers?.lifecycle(), arrived, measures });
    };
    const server = uid === undefined ? {} : { server: report(uid) };
    const edge = new LinkedEdge({ config, log, connect, tracer, endpoints, ...server });
    void edge.link.start();
    return edge;
  }

  #openDrain(config: Config): PodDrain {
    const log = this.#logNewest;
    return new PodDrain({ config, log, rooms: () => this.rooms, players: () => this.#servers?.players });
  }

  #openMatches(config: Config, { podUid }: GameRequest): PodMatches | undefined {
    if (podUid === undefined || config.checkpointSeconds === 0) return undefined;
    return new PodMatches({ podUid, store: this.#edge?.link, config, log: this.#logNewest });
  }

  get #state(): ServerState {
    return this.#servers?.lifecycle().state ?? 'starting';
  }

  /** Whether no one plays here or is expected. */
  get #isIdle(): boolean {
    return (this.#room?.players ?? 0) === 0 && (this.#audience?.size ?? 0) === 0 && !this.#servers?.players.waiting;
  }

  /** Why players cannot join now; undefined if they can. */
  #problem(): string | undefined {
    const room = this.#room;
    if (!room || room.isClosed) return 'no game is running';
    if (!this.#servers) return 'the server does not listen yet';
    return undefined;
  }

  /** Lets players join a new game through its room. The first game also starts the servers. */
  async #show(room: Room, settings: Config, { hold, log, ownNetwork, podUid = '' }: GameRequest): Promise<void> {
    this.#room = room;
    this.#isStarting = false;
    this.#drain?.resume();
    this.#audience ??= new Audience(settings.holdMsMax, () => this.#restarts.waitMs);
    const absent = this.#audience.show(room, hold);
    if (this.#servers) {
      // This process knows who has left meanwhile.
      for (const player of absent) this.#servers.resume(player, undefined);
      return this.#resolveOpened();
    }
    const { gpu, engine, files, nodePort } = this.#parts;
    const lobby = this.#audience;
    // Players reach a pod in the node's network without a relay.
    const relayed = ownNetwork ? nodePort : undefined;
    const config = { ...settings, podUid, ...(relayed ? { icePort: settings.icePort || ICE_PORT } : {}) };
    this.#servers = await serve({
      config,
      nodePort: relayed,
      log,
      gpu,
      engine,
      lobby,
      files,
      meters: this.#meters,
      dependencies: this.#dependenciesOf(config, log),
      tracing: this.#tracing,
      resilience: this.#resilience,
      link: this.#edge,
      noteSeats: (seats) => this.#matches?.noteSeats(seats),
      carrier: this.#drain?.carrier,
      isStarting: () => this.#isStarting,
      coldStart: () => phaseSeconds(this.#coldStart),
      more: () => ({ coldStart: withWallClock(this.#coldStart), compileCpuMs: this.#meters.compileCpuMs }),
    });
    for (const player of absent) this.#servers.resume(player, this.#matches?.recordOf(player));
    const { players, operator } = this.#servers;
    log('info', `playing at port ${players.port}; status and metrics at port ${operator.port}`);
    this.#resolveOpened();
  }

  /** Returns the services that the pod asks. Their limits are those of its first game. */
  #dependenciesOf(config: Config, log: Log): Dependencies {
    this.#dependencies ??= createDependencies({ config, log, meters: this.#meters });
    return this.#dependencies;
  }

  #status(): object {
    const { gpu, engine } = this.#parts;
    return {
      engine: engine.name,
      gpu: gpu.adapter,
      ...(this.#servers?.lifecycle() ?? { state: this.#state }),
      ready: this.#problem() === undefined,
      coldStart: withWallClock(this.#coldStart),
      compileCpuMs: this.#meters.compileCpuMs,
      rooms: this.rooms.map((room) => room.status()),
    };
  }

  /** Renders a picture of the game, not from any player's view, as a PNG. */
  async #snapshot(size = `${SNAPSHOT.width}x${SNAPSHOT.height}`): Promise<CommandResult> {
    const { gpu, config } = this.#parts;
    const [, w, h] = /^(\d{1,5})x(\d{1,5})$/.exec(size) ?? [];
    const [width, height] = [Number(w), Number(h)];
    const { viewWidthMax, viewHeightMax } = config;
    const isValid = Math.min(width, height) >= SNAPSHOT_PIXELS_MIN && width <= viewWidthMax && height <= viewHeightMax;
    if (!isValid) {
      const [least, most] = [`${SNAPSHOT_PIXELS_MIN}x${SNAPSHOT_PIXELS_MIN}`, `${viewWidthMax}x${viewHeightMax}`];
      return failed(2, `snapshot ${size}: give WIDTHxHEIGHT in pixels, from ${least} to ${most}`);
    }
    const room = this.#room;
    if (!room) return failed(1, 'no game is running');
    await DeviceWatch.of(gpu.device).whenIdle();
    const texture = createStill(gpu.device, { width, height });
    try {
      await room.picture({ texture, view: texture.createView() });
      return printed(await encodePng(gpu.device, texture));
    } finally {
      texture.destroy();
    }
  }
}

function printed(stdout: string | Uint8Array): CommandResult {
  return { status: 0, stdout, stderr: '' };
}

function failed(status: number, message: string): CommandResult {
  return { status, stdout: '', stderr: `${message}\n` };
}
