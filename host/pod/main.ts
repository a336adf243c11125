import { rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, readConfig, readPorts } from '../base/config.ts';
import { exitStatus, NearlightError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { checkModule } from '../engine/module.ts';
import { kernelPath } from '../engine/wasmedge/build.ts';
import { CompileCache } from '../engine/wasmedge/cache.ts';
import { createWasmEdgeEngine } from '../engine/wasmedge/engine.ts';
import { openGpu } from '../gpu/dawn.ts';
import { recoverFromLoss } from '../play/recovery.ts';
import { buildPlayer } from '../player/build.ts';
import { defaultAddress } from '../stream/candidate.ts';
import { openRelaySocket } from '../stream/relay.ts';
import { compileRemotely } from './compile.ts';
import { createPublisher } from './events.ts';
import { startKeeper } from './keeper.ts';
import { loadKernel } from './kernel.ts';
import { parseClaim, readNodeSettings, runPaths } from './paths.ts';
import { Pod } from './pod.ts';
import { read, startedAt } from './process.ts';
import { rehearse } from './rehearsal.ts';
import { taskServices } from './service.ts';
import { PodStage, type Shared } from './stage.ts';
import { serve as serveTtrpc } from './ttrpc.ts';

/** A host that was taken and then asked for nothing has lost its containerd. */
const IDLE_MS_MAX = 60_000;
const REHEARSALS = 3;

/**
 * Runs a host that waits for its pod: GPU, guest process and task service are up before anybody asks for them. Resolves with
 * the exit status once its pod is gone.
 * @throws NearlightError NL_NO_GPU, NL_NO_WASMEDGE
 */
export async function runPod(env: NodeJS.ProcessEnv): Promise<number> {
  const node = readNodeSettings(env);
  const paths = runPaths(node.runDir);
  const { pid } = process;
  const config = readConfig({
    CACHE_DIR: node.cacheDir,
    NODE_UDP_PORTS: env.NEARLIGHT_UDP_PORTS,
    NODE_ADDRESS: env.NEARLIGHT_ADDRESS,
  });
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
  const shared = { config, log, gpu, engine, files, door: await door(config) };
  if (!claim()) await warmUp(shared);
  const stage = new PodStage(shared);
  void recoverFromLoss(gpu, stage, log);
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
  await rm(join(paths.host, `${pid}.sock`), { force: true });
  return status;
}

/** Binds a port of the node's for the players while this process is still on its network. */
async function door({ nodeUdpPorts, nodeAddress }: Config): Promise<Shared['door']> {
  const ports = readPorts(nodeUdpPorts);
  const address = nodeAddress || defaultAddress();
  return ports && address !== undefined ? { socket: await openRelaySocket({ address, ...ports }), address } : undefined;
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
  const folder = join(import.meta.dirname, '../../build');
  const { engine, config } = shared;
  for (let run = 0; run < REHEARSALS; run++) {
    const stage = new PodStage(shared);
    const { moduleBytesMax } = config;
    await rehearse({ stage, folder, module: 'arena.wasm', moduleBytesMax, opened: stage.opened });
    await stage.close();
    await engine.prepare(config);
  }
}

/** What the shim's script starts: `pod` waits for its pod, `keeper` keeps such hosts warm. */
const COMMANDS: Record<string, (env: NodeJS.ProcessEnv) => Promise<number>> = { pod: runPod, keeper: keep };

if (import.meta.main) {
  try {
    const command = COMMANDS[process.argv[2] ?? ''];
    if (!command) throw new NearlightError('NL_USAGE', 'usage: pod | keeper; the containerd shim starts these');
    process.exitCode = await command(process.env);
  } catch (error) {
    process.stderr.write(`${error instanceof NearlightError ? error.message : (error as Error).stack}\n`);
    process.exitCode = exitStatus(error);
  }
  // A library's thread must not keep the process.
  process.exit();
}
