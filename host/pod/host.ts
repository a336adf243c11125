import { realpathSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Config, readPorts } from '../base/config.ts';
import { LAYERS } from '../base/layers.ts';
import { createLog } from '../base/log.ts';
import { guestCommand, jailerPath } from '../engine/wasmedge/build.ts';
import { createWasmEdgeEngine } from '../engine/wasmedge/engine.ts';
import { openGpu } from '../gpu/dawn.ts';
import { Meters } from '../observe/meters.ts';
import { recoverFromLoss } from '../play/recovery.ts';
import { driverIdentity } from '../play/vet/driver.ts';
import { KnownShaders } from '../play/vet/known.ts';
import { buildPlayer } from '../player/build.ts';
import { defaultAddress } from '../stream/candidate.ts';
import { openRelaySocket } from '../stream/udp.ts';
import { CompileClient } from './compile-client.ts';
import { createPublisher, sendSupervised } from './events.ts';
import { heartbeat } from './heartbeat.ts';
import { ownMounts } from './hierarchy.ts';
import { HostLog } from './host-log.ts';
import { deviceGroups, enterPod, SHADER_CACHE } from './isolation.ts';
import { inheritedNodeRoot, loadKernel, onNode } from './kernel.ts';
import { kernelPath } from './native.ts';
import { type ImageAccess, ImageOpener } from './opener.ts';
import { type Claim, parseClaim, readNodeSettings, runPaths } from './paths.ts';
import { type HostParts, PodRunner } from './pod-runner.ts';
import { read } from './process.ts';
import { rehearse } from './rehearsal.ts';
import { hostRoot } from './root.ts';
import { Sandbox } from './sandbox.ts';
import { USUAL_USER } from './security-context.ts';
import { taskServices } from './service.ts';
import { nodeEnvironment, readPodDefaults } from './settings-file.ts';
import { connectKeeper, connectSupervised, nodeAccess, supervisedAccess } from './supervised.ts';
import { hostIdentity, Supervisor } from './supervisor.ts';
import { serve } from './ttrpc.ts';
import { VetClient } from './vet-client.ts';

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
export async function runHost(own: NodeJS.ProcessEnv): Promise<number> {
  const env = nodeEnvironment(own);
  const node = readNodeSettings(env);
  const paths = runPaths(node.runDir);
  const { pid, started } = hostIdentity(env);
  // The user that this process becomes has no home. Without this, asking for one would fail.
  process.env.HOME ??= homedir();
  // Mesa's cache of compiled shaders then is a file that stays open, so this process can read it as another user, too.
  process.env.MESA_DISK_CACHE_SINGLE_FILE ??= '1';
  const supervisor = new Supervisor();
  const config = readPodDefaults(env);
  const hostLog = new HostLog(createLog(env.LOG_LEVEL || 'info', env.LOG_FORMAT || 'text'));
  const { log } = hostLog;
  for (const folder of [paths.warm, paths.host, paths.state]) await mkdir(folder, { recursive: true, mode: 0o700 });
  supervisor.grant('keeper', paths.keeperSocket);
  supervisor.grant('vetting', paths.vetSocket);
  if (config.edgeSocket !== '') supervisor.grant('edge', config.edgeSocket);
  // The run folder as this process reaches it until it has entered its pod.
  const outside = runPaths(onNode(realpathSync(node.runDir)));
  // The claim is read for the last time before this process loses the right to read it.
  let claimed: Claim | undefined;
  const claim = () => {
    claimed ??= parseClaim(read(join(outside.claim, String(pid))));
    return claimed;
  };
  const kernel = loadKernel(kernelPath, inheritedNodeRoot());
  // Started now, because this process gives up the privileges for opening images when a pod takes it.
  const images = new ImageOpener(inheritedNodeRoot());
  const meters = new Meters();
  const keeper = new CompileClient({ connect: () => connectKeeper(supervisor, 'keeper') });
  const engine = createWasmEdgeEngine({
    compile: async (module, identity) => {
      const compiled = await keeper.compile(module, identity);
      meters.compileCpuMs += compiled?.cpuMs ?? 0;
      return compiled?.code;
    },
    requiredLayers: LAYERS,
    usualUser: USUAL_USER,
    start: supervisor.startJailed,
  });
  for (const kind of ['guest', 'compiler'] as const)
    supervisor.setCommand(kind, [jailerPath, kind, '{uid}', '{gid}', ...guestCommand()]);
  const [gpu, files] = await Promise.all([
    openGpu({ hardwareRequired: false, log }),
    buildPlayer(),
    engine.prepare(config),
  ]);
  const identity = driverIdentity(gpu);
  const known = new KnownShaders({ identity, folder: config.cacheDir, stores: false, keepsOpen: true, log });
  const connect = async () =>
    new Socket({ fd: await connectKeeper(supervisor, 'vetting'), readable: true, writable: true });
  const vetting = new VetClient({ known, connect });
  const connectEdge = async () =>
    new Socket({ fd: await connectSupervised(supervisor, 'edge'), readable: true, writable: true });
  const parts = { config, log, gpu, engine, vetting, meters, files, nodePort: await openNodePort(config) };
  if (!claim()) await warmUp({ ...parts, meters: new Meters() }, images);
  // No pod pays for what a rehearsal has compiled.
  meters.compileCpuMs = 0;
  // The processes that try the shaders of a pod's game must belong to the pod's control group, so none is left from before.
  await vetting.disconnect();
  kernel.reopenReadOnly(SHADER_CACHE);
  const groups = deviceGroups();
  const runner = new PodRunner({ ...parts, connectEdge: config.edgeSocket === '' ? undefined : connectEdge });
  void recoverFromLoss({ gpu, lobby: runner, log, meters });
  const sandboxPid = await supervisor.outsidePid;
  const ended = Promise.withResolvers<number>();
  const sandbox = new Sandbox({
    runner,
    nodeBefore: nodeAccess(kernel, supervisor),
    node: supervisedAccess(supervisor),
    enter: (bundle) => {
      const { namespace = NAMESPACE, ttrpc = '' } = claim() ?? {};
      supervisor.grant('containerd', ttrpc);
      supervisor.grant('namespace', namespace);
      supervisor.grant('pods', join(paths.pod, namespace));
      return enterPod(bundle, { kernel, supervisor, uid: node.uidFirst + pid, groups, log });
    },
    hostLog,
    images,
    limits: config,
    pid,
    sandboxPid,
    hostPids: [pid, sandboxPid],
    publisher: () => {
      claim();
      rmSync(join(outside.warm, String(pid)), { force: true });
      return createPublisher({ send: (event) => sendSupervised(supervisor, event), log });
    },
    forget: async (id) => void (await supervisor.ask('forget', id)),
    exit: () => ended.resolve(0),
  });
  const server = await serve(join(paths.host, `${pid}.sock`), { ...taskServices(sandbox), ...heartbeat });
  // From here on, this process sees nothing of the node but what it needs.
  await images.ready();
  ownMounts();
  kernel.emptyRoot(hostRoot());
  await writeFile(join(outside.warm, String(pid)), started, { mode: 0o600 });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.resolve(0));
  const watch = setInterval(() => {
    if (claim() && sandbox.idleMs > IDLE_MS_MAX) ended.resolve(0);
  }, IDLE_MS_MAX / 4);
  const status = await ended.promise;
  clearInterval(watch);
  await server.close();
  await runner.close();
  images.close();
  await vetting.close();
  await gpu.close();
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
