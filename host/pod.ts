import { rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, readConfig, settings } from './config.ts';
import type { Submission } from './engine/engine.ts';
import { checkModule } from './engine/module.ts';
import { packAssets } from './engine/pack.ts';
import { kernelPath } from './engine/wasmedge/build.ts';
import { CompileCache } from './engine/wasmedge/cache.ts';
import { createWasmEdgeEngine, type WasmEdgeEngine } from './engine/wasmedge/engine.ts';
import { NearlightError } from './errors.ts';
import { type Gpu, openGpu } from './gpu/dawn.ts';
import { roomOptions, type ServeOptions, serve } from './host.ts';
import { createLog, type Log } from './observe/log.ts';
import { Meters } from './observe/meters.ts';
import { buildPlayer } from './player/build.ts';
import { Audience } from './room/audience.ts';
import { Room, type RoomOptions } from './room/room.ts';
import { compileRemotely } from './shim/compile.ts';
import { createPublisher } from './shim/events.ts';
import { startKeeper } from './shim/keeper.ts';
import { loadKernel } from './shim/kernel.ts';
import { parseClaim, readNodeSettings, runPaths } from './shim/paths.ts';
import { type CommandResult, type Game, type GameRequest, Pod, type Stage } from './shim/pod.ts';
import { read, startedAt } from './shim/process.ts';
import { rehearse } from './shim/rehearsal.ts';
import { taskServices } from './shim/service.ts';
import { serve as serveTtrpc } from './shim/ttrpc.ts';
import type { PlayerConnection } from './stream/player.ts';
import type { StreamServer } from './stream/server.ts';
import { createStill, encodePng } from './video/snapshot.ts';

/** What a node allows, and so no pod's own environment changes. */
const NODE_ONLY = new Set<keyof Config>([
  'cacheDir',
  'engine',
  'moduleBytesMax',
  'memoryBytesMax',
  'tableElementsMax',
  'initMsMax',
  'compileMsMax',
  'compileBytesMax',
  'commandBytesMax',
  'dataBytesMax',
  'gpuObjectsMax',
  'gpuBufferBytesMax',
  'gpuBytesMax',
]);
/** A host that was taken and then asked for nothing has lost its containerd. */
const IDLE_MS_MAX = 60_000;
const STILL = { width: 1280, height: 720 };
const STILL_PIXELS_MIN = 16;
const REHEARSALS = 3;

/** When a container was asked for, and how long after that things happened, in milliseconds. */
interface ColdStart {
  createdAt: number;
  loadedMs?: number;
  firstTickMs?: number;
  readyMs?: number;
  firstFrameMs?: number;
}

interface Shared {
  config: Config;
  log: Log;
  gpu: Gpu;
  engine: WasmEdgeEngine;
  files: ServeOptions['files'];
}

/**
 * Runs a host that waits for its pod: GPU, guest process and task service are up before anybody asks for them. Resolves with
 * the exit status once its pod is gone.
 * @throws NearlightError NL_NO_GPU, NL_NO_WASMEDGE
 */
export async function runPod(env: NodeJS.ProcessEnv): Promise<number> {
  const node = readNodeSettings(env);
  const paths = runPaths(node.runDir);
  const { pid } = process;
  const config = readConfig({ CACHE_DIR: node.cacheDir });
  const log = createLog(env.LOG_LEVEL || 'info');
  for (const folder of [paths.warm, paths.host, paths.state]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const claim = () => parseClaim(read(join(paths.claim, String(pid))));
  const kernel = loadKernel(kernelPath);
  const engine = createWasmEdgeEngine({
    cacheDir: node.cacheDir,
    compile: (module) => compileRemotely(paths.keeperSocket, module),
  });
  const [gpu, files] = await Promise.all([
    openGpu({ hardwareRequired: false, log }),
    buildPlayer(),
    engine.prepare(config),
  ]);
  const shared = { config, log, gpu, engine, files };
  if (!claim()) await warmUp(shared);
  const stage = new PodStage(shared);
  const ended = Promise.withResolvers<number>();
  const pod = new Pod({
    stage,
    kernel,
    log,
    moduleBytesMax: config.moduleBytesMax,
    publisher: () => {
      const found = claim();
      rmSync(join(paths.warm, String(pid)), { force: true });
      return createPublisher({ address: found?.ttrpc ?? '', namespace: found?.namespace ?? 'default' });
    },
    note: (lines) => writeFile(join(paths.state, String(pid)), `${lines.join('\n')}\n`, { mode: 0o600 }),
    forget: async (id) => {
      await rm(join(paths.pod, claim()?.namespace ?? 'default', id), { force: true });
    },
    exit: () => ended.resolve(0),
  });
  const server = await serveTtrpc(join(paths.host, `${pid}.sock`), taskServices(pod));
  await writeFile(join(paths.warm, String(pid)), startedAt(pid)!, { mode: 0o600 });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.resolve(0));
  const watch = setInterval(() => {
    if (claim() && pod.idleMs > IDLE_MS_MAX) ended.resolve(0);
  }, IDLE_MS_MAX / 4);
  const status = await ended.promise;
  clearInterval(watch);
  await server.close();
  await stage.close();
  for (const folder of [paths.warm, paths.claim, paths.state]) await rm(join(folder, String(pid)), { force: true });
  for (const path of [join(paths.host, `${pid}.sock`), join(paths.state, `${pid}.start`)])
    await rm(path, { force: true });
  return status;
}

/**
 * Keeps hosts warm and compiles games for them, until SIGTERM or SIGINT; ends at once where another keeper runs.
 * @throws NearlightError NL_SETTING
 */
export async function keep(env: NodeJS.ProcessEnv): Promise<number> {
  const node = readNodeSettings(env);
  const paths = runPaths(node.runDir);
  const limits = readConfig({});
  const log = createLog(env.LOG_LEVEL || 'info');
  const ended = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.resolve());
  const cache = new CompileCache(node.cacheDir, undefined, limits.cacheBytesMax);
  const keeper = await startKeeper({
    paths,
    poolSize: node.poolSize,
    command: [process.execPath, process.argv[1]!, 'pod'],
    moduleBytesMax: limits.moduleBytesMax,
    native: (module) => cache.native(checkModule(module, limits).bytes, { limits, log }),
    log,
  });
  if (!keeper) return 0;
  await Promise.race([ended.promise, keeper.replaced]);
  await keeper.close();
  return 0;
}

/** Goes through the start of a pod, until that is quick. */
async function warmUp(shared: Shared): Promise<void> {
  const folder = join(import.meta.dirname, '../build');
  const { engine, config } = shared;
  for (let run = 0; run < REHEARSALS; run++) {
    const stage = new PodStage(shared);
    const { moduleBytesMax } = config;
    await rehearse({ stage, folder, module: 'arena.wasm', moduleBytesMax, opened: stage.opened });
    await stage.close();
    await engine.prepare(config);
  }
}

/** The stages of a pod, joined: one game at a time, and the players who stay while games come and go. */
class PodStage implements Stage {
  readonly #shared: Shared;
  #audience: Audience | undefined;
  #server: StreamServer | undefined;
  #room: Room | undefined;
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

  async load(request: GameRequest): Promise<Game> {
    const { gpu, engine } = this.#shared;
    const coldStart: ColdStart = { createdAt: request.createdAt };
    const config = this.#config(request.env);
    if (config.gpuEnabled && gpu.software)
      throw new NearlightError(
        'NL_NO_GPU',
        `GPU_ENABLED=true, but this node's only adapter renders in software (${gpu.adapter.description}); schedule the pod on a node with a GPU and its driver, or leave GPU_ENABLED out`,
      );
    const assets = request.assets === undefined ? new Uint8Array(0) : await packAssets(request.assets);
    const options = roomOptions({ name: request.name, config, log: request.log, gpu, meters: this.#meters, assets });
    const instance = await engine.load(request.module, options.load);
    coldStart.loadedMs = performance.now() - coldStart.createdAt;
    this.#coldStart = coldStart;
    return new PodGame({
      instance,
      options,
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
  }

  /** Why nobody could play now. */
  #problem(): string | undefined {
    const room = this.#room;
    if (!room || room.isClosed) return 'no game is running';
    if (!this.#server) return 'the server does not listen yet';
    return undefined;
  }

  #config(env: Record<string, string>): Config {
    const allowed = Object.entries(settings).filter(([name]) => !NODE_ONLY.has(name as keyof Config));
    // In a pod every address is the pod's own.
    const own = Object.fromEntries(allowed.map(([, { env: name }]) => [name, env[name]]));
    return { ...readConfig({ ...own, HOST: own.HOST || undefined }), host: own.HOST ?? '', ...this.#nodeOnly() };
  }

  #nodeOnly(): Partial<Config> {
    return Object.fromEntries([...NODE_ONLY].map((name) => [name, this.#shared.config[name]]));
  }

  async #show(room: Room, config: Config, { hold, log }: GameRequest): Promise<void> {
    this.#room = room;
    this.#audience ??= new Audience(config.holdMsMax);
    this.#audience.show(room, hold);
    if (this.#server) return this.#open();
    const { gpu, engine, files } = this.#shared;
    const lobby = this.#audience;
    this.#server = await serve({
      config,
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
      rooms: this.#audience?.rooms.map((room) => room.status()) ?? [],
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

interface PodGameOptions {
  instance: RoomOptions['instance'];
  options: ReturnType<typeof roomOptions>;
  hold: boolean;
  coldStart: ColdStart;
  show(room: Room): Promise<void>;
  gone(): void;
}

/** A loaded module on its way to a room. */
class PodGame implements Game {
  readonly pid: number;
  readonly ended: Promise<NearlightError | undefined>;
  readonly #options: PodGameOptions;
  #room: Room | undefined;
  #stopped = false;
  #end!: (error: NearlightError | undefined) => void;

  constructor(options: PodGameOptions) {
    this.#options = options;
    this.pid = options.instance.pid!;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    void this.ended.then(() => options.gone());
    void options.instance.ended.then((error) => {
      if (!this.#room) this.#end(error);
    });
  }

  /** The first tick comes before what `init` asked of the GPU, which may take as long as all the rest of the start. */
  async begin(): Promise<void> {
    const { instance, coldStart } = this.#options;
    try {
      const initial = copy(instance.initial);
      const first = copy(await instance.tick(0));
      coldStart.firstTickMs = performance.now() - coldStart.createdAt;
      setImmediate(() => void this.#open([initial, first]).catch((error: unknown) => this.#fail(error)));
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#room) await this.#room.close(this.#options.hold ? 'NL_ROOM_ENDED' : 'NL_SHUTDOWN');
    else await this.#options.instance.close();
    this.#end(undefined);
  }

  async #open(submissions: Submission[]): Promise<void> {
    if (this.#stopped) return;
    const { instance, options, coldStart, show } = this.#options;
    const replay = options.createReplay({ log: options.load.log, reply: (record) => instance.reply(record) });
    try {
      for (const submission of submissions) if (submission.commands.length > 0) replay.run(submission);
    } catch (error) {
      replay.destroy();
      throw error;
    }
    const createView: RoomOptions['createView'] = (request, connection, onError) =>
      options.createView(request, this.#firstFrame(connection), onError);
    const room = new Room({ ...options, instance, replay, ticks: 1, createView });
    this.#room = room;
    void room.ended.then((error) => this.#end(error));
    await show(room);
    coldStart.readyMs = performance.now() - coldStart.createdAt;
  }

  #fail(error: unknown): void {
    const known =
      error instanceof NearlightError
        ? error
        : new NearlightError('NL_GUEST_PROTOCOL', String(error), { cause: error });
    void (this.#room?.close('NL_ROOM_ENDED') ?? this.#options.instance.close());
    this.#end(known);
  }

  /** The connection, noting when it takes its first picture. */
  #firstFrame(connection: PlayerConnection): PlayerConnection {
    const { coldStart } = this.#options;
    if (coldStart.firstFrameMs !== undefined) return connection;
    return {
      ...connection,
      notify: (notice) => connection.notify(notice),
      end: (code, message, retry) => connection.end(code, message, retry),
      get stats() {
        return connection.stats;
      },
      sendFrame(accessUnit, info) {
        const sent = connection.sendFrame(accessUnit, info);
        if (sent) coldStart.firstFrameMs ??= performance.now() - coldStart.createdAt;
        return sent;
      },
    };
  }
}

/** What a call submitted dies with the next call. */
function copy({ commands, data }: Submission): Submission {
  return { commands: commands.slice(), data: data.slice() };
}
