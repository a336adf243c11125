import { rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from '../base/assert.ts';
import { type Config, readConfig, readPorts } from '../base/config.ts';
import { LAYERS } from '../base/layers.ts';
import { createLog } from '../base/log.ts';
import { createWasmEdgeEngine } from '../engine/wasmedge/engine.ts';
import { openGpu } from '../gpu/dawn.ts';
import { Meters } from '../observe/meters.ts';
import { recoverFromLoss } from '../play/recovery.ts';
import { Vetting } from '../play/vet/vetting.ts';
import { buildPlayer } from '../player/build.ts';
import { defaultAddress } from '../stream/candidate.ts';
import { openRelaySocket } from '../stream/relay.ts';
import { CompileClient } from './compile-client.ts';
import { createPublisher } from './events.ts';
import { heartbeat } from './heartbeat.ts';
import { inheritedNodeRoot, loadKernel } from './kernel.ts';
import { kernelPath } from './native.ts';
import { type ImageAccess, ImageOpener } from './opener.ts';
import { parseClaim, readNodeSettings, runPaths } from './paths.ts';
import { type HostParts, PodRunner } from './pod-runner.ts';
import { read, startedAt } from './process.ts';
import { rehearse } from './rehearsal.ts';
import { Sandbox } from './sandbox.ts';
import { taskServices } from './service.ts';
import { serve } from './ttrpc.ts';

/** After this time without a container, a host process that a pod has taken ends, because containerd is gone. */
const IDLE_MS_MAX = 60_000;
/** Number of times that a host process rehearses the start of a container. More rehearsals make the real start no faster. */
const REHEARSALS = 3;
/** containerd's default namespace. */
const NAMESPACE = 'default';

/**
 * Runs a host process: opens the GPU, starts a guest process, listens for containerd, then waits for a pod. Resolves with the
 * exit status when the pod is gone.
 * @throws NearlightError NL_NO_GPU, NL_NO_WASMEDGE
 */
export async function runHost(env: NodeJS.ProcessEnv): Promise<number> {
  const node = readNodeSettings(env);
  const paths = runPaths(node.runDir);
  const { pid } = process;
  const config = readConfig({
    NODE_UDP_PORTS: env.NEARLIGHT_UDP_PORTS,
    NODE_ADDRESS: env.NEARLIGHT_ADDRESS,
    ASSET_BYTES_MAX: env.NEARLIGHT_ASSET_BYTES_MAX,
    ASSET_FILES_MAX: env.NEARLIGHT_ASSET_FILES_MAX,
    ASSET_DEPTH_MAX: env.NEARLIGHT_ASSET_DEPTH_MAX,
  });
  const log = createLog(env.LOG_LEVEL || 'info');
  for (const folder of [paths.warm, paths.host, paths.state]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const claim = () => parseClaim(read(join(paths.claim, String(pid))));
  const kernel = loadKernel(kernelPath, inheritedNodeRoot());
  // Started now, because this process gives up the privileges for opening images when a pod takes it.
  const images = new ImageOpener();
  const meters = new Meters();
  const keeper = new CompileClient({ socket: paths.keeperSocket });
  const engine = createWasmEdgeEngine({
    compile: async (module, identity) => {
      const compiled = await keeper.compile(module, identity);
      meters.compileCpuMs += compiled?.cpuMs ?? 0;
      return compiled?.code;
    },
    requiredLayers: LAYERS,
  });
  const [gpu, files] = await Promise.all([
    openGpu({ hardwareRequired: false, log }),
    buildPlayer(),
    engine.prepare(config),
  ]);
  const vetting = new Vetting({ gpu, config, log, stores: true });
  const parts = { config, log, gpu, engine, vetting, meters, files, nodePort: await openNodePort(config) };
  if (!claim()) await warmUp({ ...parts, meters: new Meters() }, images);
  // No pod pays for what a rehearsal has compiled.
  meters.compileCpuMs = 0;
  // The processes that try the shaders of a pod's game must belong to the pod's control group, so none is left from before.
  vetting.endIdle();
  const runner = new PodRunner(parts);
  void recoverFromLoss(gpu, runner, log);
  const ended = Promise.withResolvers<number>();
  const sandbox = new Sandbox({
    runner,
    kernel,
    log,
    images,
    limits: config,
    publisher: () => {
      const found = claim();
      rmSync(join(paths.warm, String(pid)), { force: true });
      return createPublisher({ address: found?.ttrpc ?? '', namespace: found?.namespace ?? NAMESPACE });
    },
    record: (lines) => writeFile(join(paths.state, String(pid)), `${lines.join('\n')}\n`, { mode: 0o600 }),
    forget: async (id) => {
      await rm(join(paths.pod, claim()?.namespace ?? NAMESPACE, id), { force: true });
    },
    exit: () => ended.resolve(0),
  });
  const server = await serve(join(paths.host, `${pid}.sock`), { ...taskServices(sandbox), ...heartbeat });
  await writeFile(join(paths.warm, String(pid)), must(startedAt(pid), 'start time of this process'), { mode: 0o600 });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.resolve(0));
  const watch = setInterval(() => {
    if (claim() && sandbox.idleMs > IDLE_MS_MAX) ended.resolve(0);
  }, IDLE_MS_MAX / 4);
  const status = await ended.promise;
  clearInterval(watch);
  await server.close();
  await runner.close();
  images.close();
  vetting.close();
  for (const folder of [paths.warm, paths.claim, paths.state]) await rm(join(folder, String(pid)), { force: true });
  await rm(join(paths.host, `${pid}.sock`), { force: true });
  return status;
}

/** Binds one of the node's UDP ports for players, before this process enters the pod's network. */
async function openNodePort({ nodeUdpPorts, nodeAddress }: Config): Promise<HostParts['nodePort']> {
  const ports = readPorts(nodeUdpPorts);
  const address = nodeAddress || defaultAddress();
  return ports && address !== undefined ? { socket: await openRelaySocket({ address, ...ports }), address } : undefined;
}

/**
 * Rehearses the start of a container until all JavaScript that it needs is compiled. The first rehearsal also draws a picture, so
 * that all shaders of the arena are tried, unless an earlier host has noted that they are harmless.
 */
async function warmUp(parts: HostParts, images: ImageAccess): Promise<void> {
  const folder = join(import.meta.dirname, '../../build');
  const { engine, config } = parts;
  for (let run = 0; run < REHEARSALS; run++) {
    const runner = new PodRunner(parts);
    const opened = run > 0 ? runner.opened : runner.opened.then(() => draw(runner));
    await rehearse({ runner, images, limits: config, folder, module: 'arena.wasm', opened });
    await runner.close();
    await engine.prepare(config);
  }
}

async function draw(runner: PodRunner): Promise<void> {
  await runner.command(['snapshot', '16x16']);
}
