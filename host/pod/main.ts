import { must } from '../base/assert.ts';
import { readConfig } from '../base/config.ts';
import { exitStatus, NearlightError } from '../base/errors.ts';
import { guardProcess } from '../base/guard.ts';
import { createLog, type Log } from '../base/log.ts';
import { buildNative } from '../engine/wasmedge/build.ts';
import { CompileCache } from '../engine/wasmedge/cache.ts';
import { OWN_USER } from '../engine/wasmedge/jail.ts';
import { jailedTrials } from '../play/vet/process.ts';
import { createCompiler } from './compiler.ts';
import { processFiles } from './hierarchy.ts';
import { runHost } from './host.ts';
import { deviceGroups } from './isolation.ts';
import { type Keeper, startKeeper } from './keeper.ts';
import { loadKernel } from './kernel.ts';
import { buildKernel, kernelPath, supervisorPath } from './native.ts';
import { readNodeSettings, runPaths } from './paths.ts';
import { peerOf } from './peer.ts';
import { NODE_OPTIONS, read } from './process.ts';
import { WatchedSettings } from './watched-settings.ts';

/** How much native code the keeper keeps in memory: that of some hundred games of ordinary size. */
const CODE_IN_MEMORY_BYTES_MAX = 64 * 2 ** 20;

/** How often the keeper looks whether the node's settings have changed. */
const SETTINGS_MS = 2000;

/**
 * Runs the keeper, which keeps host processes ready for pods, until SIGTERM or SIGINT. Returns at once if another keeper is
 * running. When the node's settings change, it begins again with the new ones: the hosts that wait for a pod are replaced, and those of
 * pods stay as they are.
 * @throws NearlightError NL_SETTING
 */
async function runKeeper(env: NodeJS.ProcessEnv): Promise<number> {
  const ended = Promise.withResolvers<'ended'>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.resolve('ended'));
  const settings = new WatchedSettings(env, SETTINGS_MS);
  for (;;) {
    const log = createLog(settings.env.LOG_LEVEL || 'info', settings.env.LOG_FORMAT || 'text');
    const changed = settings.next(log).then(() => 'changed' as const);
    const keeper = await openKeeper(settings, log);
    if (!keeper) return 0;
    const reason = await Promise.race([ended.promise, keeper.replaced.then(() => 'replaced' as const), changed]);
    if (reason === 'changed') log('info', `${settings.path} has changed: the hosts that wait for pods are replaced`);
    await keeper.close();
    if (reason !== 'changed') return 0;
  }
}

function openKeeper({ env, hostEnv }: WatchedSettings, log: Log): Promise<Keeper | undefined> {
  const node = readNodeSettings(env);
  const limits = readConfig({});
  const cache = new CompileCache(node.cacheDir, {
    bytesMax: limits.cacheBytesMax,
    memoryBytesMax: CODE_IN_MEMORY_BYTES_MAX,
  });
  const kernel = loadKernel(kernelPath);
  return startKeeper({
    paths: runPaths(node.runDir),
    poolSize: node.poolSize,
    poolSizeMax: node.poolSizeMax,
    command: [supervisorPath, process.execPath, ...NODE_OPTIONS, must(process.argv[1], 'path of this program'), 'host'],
    env: hostEnv,
    moduleBytesMax: limits.moduleBytesMax,
    compiler: createCompiler(cache, { limits, log }),
    slots: node.compilers,
    vetting: {
      config: limits,
      trialsOf: (pid) =>
        jailedTrials({
          user: { ...OWN_USER, groups: deviceGroups() },
          // The trials of a pod's shaders count as the pod's.
          cgroups: () => processFiles(read(`/proc/${pid}/cgroup`)),
        }),
    },
    responseMsMax: node.responseMsMax,
    peerOf: (socket) => peerOf(socket, kernel),
    log,
  });
}

/** Builds, in a checkout of the sources, the native code that host processes need. */
async function build(): Promise<number> {
  await Promise.all([buildNative(), buildKernel()]);
  return 0;
}

/**
 * The commands of this program. The shim's script starts a `host`, which waits for a pod, and the `keeper`, which keeps hosts
 * ready.
 */
const COMMANDS: Record<string, (env: NodeJS.ProcessEnv) => Promise<number>> = {
  host: runHost,
  keeper: runKeeper,
  build,
};

if (import.meta.main) {
  guardProcess();
  try {
    const command = COMMANDS[process.argv[2] ?? ''];
    if (!command)
      throw new NearlightError('NL_USAGE', 'usage: host | keeper | build; the containerd shim starts this program');
    process.exitCode = await command(process.env);
  } catch (error) {
    process.stderr.write(`${error instanceof NearlightError ? error.message : (error as Error).stack}\n`);
    process.exitCode = exitStatus(error);
  }
  // Threads of libraries would otherwise keep the process alive.
  process.exit();
}
