import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Installation } from '../pod/node/installed.ts';
import { eventually } from '../wait.ts';
import { Cri } from './cri.ts';
import { mountsBelow, processesOf, processIds, removeCgroups, takeInventory } from './inventory.ts';

const ROOT = join(import.meta.dirname, '../..');

export const SANDBOX_NAME = 'pause';
/** The image from which the tests' containerd starts sandboxes. A test has to import this image. */
export const SANDBOX_IMAGE = `nearlight.test/${SANDBOX_NAME}:1`;

const run = promisify(execFile);
/** Oldest containerd for these tests: 1.7 is the first with the shim's interface and without older versions of the CRI. */
const VERSION_MIN = { major: 1, minor: 7 };
/** How long processes of a test may take to end after SIGTERM, before SIGKILL. */
const TERMINATE_MS_MAX = 3000;
/** How long the pool of waiting hosts may take to fill. A busy machine needs most of a minute for each host. */
export const FILL_MS_MAX = 150_000;
/** Number of containerds that this process has started, which gives each its own bridge and subnet. */
let rigs = 0;
const SUBNETS_MAX = 50 * 250;

export interface RigOptions {
  /** Number of host processes that the keeper keeps ready for pods. */
  poolSize: number;
  /** Additional variables in containerd's environment, which the keeper and the hosts inherit. */
  env?: Record<string, string>;
  /** An installed node bundle whose shim, keeper and hosts run the pods; by default those of this checkout. */
  installation?: Installation;
}

/** A real containerd for one test file, with its CRI plugin, our shim on its PATH and a CNI bridge. */
export interface Rig {
  readonly folder: string;
  readonly runDir: string;
  readonly cacheDir: string;
  readonly cri: Cri;
  /** The namespace for `ctr`, and the name of the cgroup of all containers. */
  readonly name: string;
  /** Runs `ctr`; resolves with its output. */
  ctr(...args: string[]): Promise<{ stdout: string; stderr: string }>;
  /** Kills containerd with SIGKILL. */
  kill(): Promise<void>;
  /** Starts containerd again. */
  begin(): Promise<void>;
  /** Lists everything that pods might leave behind: processes of hosts and guests, mounts, sockets, files, cgroups. */
  inventory(): string[];
  /** The process ids of the hosts that wait for a pod. */
  warm(): number[];
  keeperPid(): number;
  /** Whether this machine has no GPU and renders in software. */
  readonly software: boolean;
  close(): Promise<void>;
}

/**
 * Starts a containerd for a test; resolves when it answers and `poolSize` host processes wait for pods.
 * @throws Error with the reason if this machine cannot run pods
 */
export async function startRig({ poolSize, env: more = {}, installation }: RigOptions): Promise<Rig> {
  expectUsable();
  // The path of a socket has at most 107 bytes, so the folder has a short name.
  const folder = mkdtempSync('/tmp/nl-');
  const [runDir, cacheDir, bin] = [join(folder, 'run'), join(folder, 'cache'), join(folder, 'bin')];
  const address = join(folder, 'c.sock');
  const name = basename(folder);
  const client = { ...process.env, CONTAINERD_NAMESPACE: name };
  mkdirSync(bin);
  const { shim, keeperCommand } = programs(installation);
  writeFileSync(join(bin, 'containerd-shim-wasmedge-v1'), shim);
  chmodSync(join(bin, 'containerd-shim-wasmedge-v1'), 0o755);
  const bridge = `nl${process.pid}-${rigs}`;
  // Other test processes start containerds at the same time. A process starts few of them.
  const number = (process.pid * 5 + rigs++) % SUBNETS_MAX;
  const subnet = `10.${200 + Math.floor(number / 250)}.${number % 250}`;
  writeConfig(folder, { bridge, subnet });
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    NEARLIGHT_RUN_DIR: runDir,
    NEARLIGHT_CACHE_DIR: cacheDir,
    NEARLIGHT_POOL_SIZE: String(poolSize),
    // A test that counts the hosts that wait does not want more after a burst.
    NEARLIGHT_POOL_SIZE_MAX: String(poolSize),
    NEARLIGHT_UDP_PORTS: '31000-31999',
    NEARLIGHT_ADDRESS: '127.0.0.1',
    ...more,
  };
  let daemon: ChildProcess | undefined;
  const rig: Rig = {
    folder,
    runDir,
    cacheDir,
    cri: new Cri(address, name),
    software: !existsSync('/dev/dri') && !existsSync('/dev/nvidiactl'),
    name,
    ctr: (...args) =>
      run('ctr', ['--address', address, ...args], { env: client, maxBuffer: 2 ** 26, timeout: 120_000 }),
    async begin() {
      const child = spawn('containerd', ['--config', join(folder, 'config.toml')], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      daemon = child;
      let log = '';
      child.stderr.on('data', (chunk: Buffer) => {
        log = (log + chunk).slice(-100_000);
        writeFileSync(join(folder, 'containerd.log'), log);
      });
      await poll(() => rig.cri.version(), `containerd does not answer: ${folder}/containerd.log`);
    },
    async kill() {
      const child = daemon;
      daemon = undefined;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    inventory: () => takeInventory(folder),
    warm: () => processIds(join(runDir, 'warm')).filter((pid) => !processIds(join(runDir, 'claim')).includes(pid)),
    keeperPid: () => Number(readFileSync(join(runDir, 'keeper.pid'), 'utf8').split(' ')[0]),
    async close() {
      await rig.cri.removeAll().catch(() => {});
      rig.cri.close();
      const processes = processesOf(folder);
      await rig.kill();
      for (const pid of [...processes, ...processesOf(folder)]) signal(pid, 'SIGTERM');
      await poll(() => processesOf(folder).length === 0, '', TERMINATE_MS_MAX).catch(() => {
        for (const pid of processesOf(folder)) signal(pid, 'SIGKILL');
      });
      for (const line of mountsBelow(folder).reverse()) await run('umount', ['-l', line]).catch(() => {});
      await run('ip', ['link', 'delete', bridge]).catch(() => {});
      removeCgroups(name);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await rig.begin();
    await fillPool();
  } catch (error) {
    await rig.close();
    throw error;
  }
  return rig;

  async function fillPool(): Promise<void> {
    if (poolSize === 0) return;
    mkdirSync(join(runDir, 'log'), { recursive: true, mode: 0o700 });
    const log = openSync(join(runDir, 'log/keeper.log'), 'a', 0o600);
    const [node, ...args] = keeperCommand;
    const keeper = spawn(node, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    keeper.unref();
    await poll(
      () => rig.warm().length >= poolSize,
      () =>
        `no host became ready for a pod; the keeper's log:\n${readFileSync(join(runDir, 'log/keeper.log'), 'utf8')}`,
      FILL_MS_MAX,
    );
  }
}

/** Lets containerd use a registry, given by its host and port, over plain HTTP. containerd reads that at each pull. */
export function trustRegistry({ folder }: Rig, registry: string): void {
  const path = join(registriesOf(folder), registry);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'hosts.toml'), `server = "http://${registry}"\n[host."http://${registry}"]\n`);
}

/** The folder in which containerd looks for what it has to know about a registry. */
function registriesOf(folder: string): string {
  return join(folder, 'certs.d');
}

/** Returns the text of the shim's script, and the command that starts a keeper: those installed, or those of this checkout. */
function programs(installation: Installation | undefined): { shim: string; keeperCommand: [string, ...string[]] } {
  if (installation) {
    const { home, shim } = installation;
    const command: [string, ...string[]] = [join(home, 'bin/node'), join(home, 'host/pod/main.js'), 'keeper'];
    return { shim: readFileSync(shim, 'utf8'), keeperCommand: command };
  }
  const script = readFileSync(join(ROOT, 'host/pod/containerd-shim-wasmedge-v1'), 'utf8').replace('@HOME@', ROOT);
  const command: [string, ...string[]] = [
    join(ROOT, 'node_modules/.bin/node'),
    join(ROOT, 'host/pod/main.ts'),
    'keeper',
  ];
  return { shim: script, keeperCommand: command };
}

/** Throws on a machine that cannot run pods, so that its tests do not report success. */
function expectUsable(): void {
  const refuse = (why: string) => {
    throw new Error(`the tests of pods cannot run on this machine: ${why}`);
  };
  if (process.getuid?.() !== 0) refuse('mounts, network namespaces and cgroups require root');
  const { stdout, error } = spawnSync('containerd', ['--version'], { encoding: 'utf8' });
  if (error) refuse(`containerd: ${error.message}; sh host/cli/setup.sh --test installs it`);
  const [, major, minor] = (/\b(\d+)\.(\d+)\.\d+/.exec(stdout) ?? []).map(Number);
  const { major: majorMin, minor: minorMin } = VERSION_MIN;
  const isNew =
    major !== undefined && minor !== undefined && (major > majorMin || (major === majorMin && minor >= minorMin));
  if (!isNew) refuse(`containerd ${majorMin}.${minorMin} or later is required, and this is ${stdout}`);
}

/** Lists what pods have left behind since an earlier inventory of processes, mounts, files and cgroups. */
export function left(rig: Rig, before: readonly string[]): string[] {
  const known = [...before];
  return rig.inventory().filter((entry) => {
    const at = known.indexOf(entry);
    if (at >= 0) known.splice(at, 1);
    return at < 0;
  });
}

/**
 * Waits until pods have left nothing behind since an earlier inventory of processes, mounts, files and cgroups.
 * @throws Error with what is left
 */
export async function expectNothingLeft(rig: Rig, before: readonly string[]): Promise<void> {
  await poll(() => left(rig, before).length === 0, '').catch(() => {
    throw new Error(`left behind:\n${left(rig, before).join('\n')}`);
  });
}

/**
 * Waits until `check` returns something other than false, and neither throws nor rejects.
 * @throws Error with `message` if that takes too long
 */
export async function poll<T>(
  check: () => T | false | Promise<T | false>,
  message: string | (() => string),
  msMax?: number,
): Promise<T> {
  return eventually(async () => {
    const value = await check();
    if (value === false) throw new Error(typeof message === 'string' ? message : message());
    return value;
  }, msMax);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended.
  }
}

/** Writes the configuration of containerd and of CNI. */
function writeConfig(folder: string, { bridge, subnet }: { bridge: string; subnet: string }): void {
  const cni = join(folder, 'cni');
  mkdirSync(cni);
  const plugin = {
    type: 'bridge',
    bridge,
    isGateway: true,
    ipMasq: false,
    ipam: { type: 'host-local', dataDir: join(folder, 'ipam'), ranges: [[{ subnet: `${subnet}.0/24` }]] },
  };
  const list = { cniVersion: '0.4.0', name: 'nearlight-test', plugins: [plugin] };
  writeFileSync(join(cni, '10-test.conflist'), JSON.stringify(list));
  writeFileSync(
    join(folder, 'config.toml'),
    `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "${folder}/c.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${SANDBOX_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cni}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${registriesOf(folder)}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.wasmedge]
    runtime_type = "io.containerd.wasmedge.v1"
`,
  );
}
