import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from './cluster.ts';

/** The release of Kubernetes. Later ones refuse cgroup v1 unless their settings say otherwise, and drop containerd 1.7. */
export const KUBERNETES = '1.34.4';
const MODULE = 'k8s.io/kubernetes';

/** The commands of a cluster, and the packages that they are built from. Kubernetes' own module names the version of etcd. */
const COMMANDS = {
  'kube-apiserver': `${MODULE}/cmd/kube-apiserver`,
  'kube-controller-manager': `${MODULE}/cmd/kube-controller-manager`,
  'kube-scheduler': `${MODULE}/cmd/kube-scheduler`,
  kubelet: `${MODULE}/cmd/kubelet`,
  'kube-proxy': `${MODULE}/cmd/kube-proxy`,
  kubectl: `${MODULE}/cmd/kubectl`,
  etcd: 'go.etcd.io/etcd/server/v3',
};

export type Command = keyof typeof COMMANDS;
/** The paths of the commands. */
export type Commands = Readonly<Record<Command, string>>;

/** Interval between two lines about the progress of a build. */
const PROGRESS_MS = 20_000;

/** Folder for what is made once: the commands, and the video encoder. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nearlight/cluster');
}

/** Returns the commands of the cluster, and builds those that are missing from their Go modules first. */
export async function findCommands(say: (line: string) => void): Promise<Commands> {
  const folder = join(cacheFolder(), `kubernetes-${KUBERNETES}`);
  const names = Object.keys(COMMANDS) as Command[];
  const commands = Object.fromEntries(names.map((name) => [name, join(folder, name)])) as Record<Command, string>;
  const missing = names.filter((name) => !existsSync(commands[name]));
  if (missing.length === 0) return commands;
  await run('go', ['version']).catch(() => {
    throw new Error(
      'Go is missing, with which Kubernetes is built: install Go 1.24 or later, or set CLUSTER=KUBECONFIG',
    );
  });
  mkdirSync(folder, { recursive: true });
  say(`building Kubernetes ${KUBERNETES} from its Go modules, once (${missing.join(', ')}).`);
  say('That takes up to an hour on two cores, and some 5 GB on disk. Later runs use what is built.');
  const work = mkdtempSync(join(tmpdir(), 'nl-kubernetes-'));
  try {
    writeFileSync(join(work, 'go.mod'), await goMod());
    for (const name of missing) await build(work, name, commands[name], say);
  } finally {
    rmSync(work, { recursive: true });
  }
  return commands;
}

/**
 * Returns a go.mod with Kubernetes as the only requirement. Its own go.mod takes the modules beside it (k8s.io/api and so on) from
 * folders of its repository, with the version v0.0.0; published, they have the same numbers with a 0 in front.
 */
async function goMod(): Promise<string> {
  const described = await run('go', ['mod', 'download', '-json', `${MODULE}@v${KUBERNETES}`]);
  const { GoMod } = JSON.parse(described) as { GoMod: string };
  const text = readFileSync(GoMod, 'utf8');
  const siblings = [...text.matchAll(/^\s*(k8s\.io\/[\w-]+) v0\.0\.0(?:\s|$)/gm)].map(([, name = '']) => name);
  const version = `v${KUBERNETES.replace(/^1/, '0')}`;
  return [
    'module nearlight.test/cluster',
    /^go [\d.]+$/m.exec(text)?.[0] ?? 'go 1.24',
    /^godebug .*$/m.exec(text)?.[0] ?? '',
    `require ${MODULE} v${KUBERNETES}`,
    ...[...new Set(siblings)].map((name) => `replace ${name} => ${name} ${version}`),
    '',
  ].join('\n');
}

/** Builds a command. Later ones share what Go has compiled for earlier ones. */
async function build(work: string, name: Command, path: string, say: (line: string) => void): Promise<void> {
  const start = Date.now();
  const log = join(work, `${name}.log`);
  const temporary = `${path}.${process.pid}`;
  const [major, minor] = KUBERNETES.split('.');
  const facts = { gitVersion: `v${KUBERNETES}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const stamps = Object.entries(facts).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`);
  const args = ['build', '-v', '-trimpath', '-ldflags', `-s -w ${stamps.join(' ')}`, '-o', temporary, COMMANDS[name]];
  const output = openSync(log, 'w');
  const progress = setInterval(() => {
    const packages = readFileSync(log, 'utf8').split('\n').length - 1;
    say(`  ${name}: ${packages} packages compiled after ${secondsSince(start)} s`);
  }, PROGRESS_MS);
  try {
    const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' };
    const child = spawn('go', args, { cwd: work, env, stdio: ['ignore', output, output] });
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    if (status !== 0) {
      const tail = readFileSync(log, 'utf8').split('\n').slice(-20).join('\n');
      throw new Error(`${basename(path)} cannot be built; go build says:\n${tail}`);
    }
  } finally {
    clearInterval(progress);
    closeSync(output);
  }
  renameSync(temporary, path);
  say(`  ${name}: ${(statSync(path).size / 1e6).toFixed(0)} MB, built in ${secondsSince(start)} s`);
}

function secondsSince(start: number): number {
  return Math.round((Date.now() - start) / 1000);
}
