import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, formatReport } from '../bench/harness.ts';
import { countLine, type Report, readReport } from '../check/count.ts';
import { findCommands, KUBERNETES } from './binaries.ts';
import { DESCRIPTION } from './cluster.ts';
import { useCluster } from './existing.ts';
import { faultTable } from './faults.ts';
import { FIGURES, readFigures } from './figures.ts';
import { INSTALLED } from './installation.ts';
import { type RunningCluster, startCluster } from './start.ts';

const root = join(import.meta.dirname, '../..');
const REPORT = join(root, 'build/cluster-report.json');
const FIGURES_PATH = join(root, 'build/cluster-figures.jsonl');
const NODES = 2;
const NODES_MAX = 8;
/** The programs that a cluster needs, and the Debian packages that have them. */
const PROGRAMS = {
  iptables: 'iptables',
  openssl: 'openssl',
  nsenter: 'util-linux',
  ip: 'iproute2',
  cc: 'gcc libc6-dev',
};

const HELP = `Runs pods on a real Kubernetes ${KUBERNETES}: etcd, API server, controllers, scheduler, and ${NODES} nodes, each with containerd, kubelet,
kube-proxy, and the installed node bundle of this checkout. Each node is a set of namespaces of this machine.

Usage: npm run test:cluster [-- [--nodes N] [--hold] PATH ...]

PATH selects files, as in: npm run test:cluster -- test/cluster/pod.cluster.ts
  --nodes N   number of nodes, 0 to ${NODES_MAX}; with 0 there is a control plane only, and no node bundle is made
  --hold      start the cluster, print how to use it, and keep it until Ctrl-C
  --build     build what is missing of Kubernetes, and end
CLUSTER=KUBECONFIG uses an existing cluster instead, or one that --hold keeps. One of others needs a registry from which its nodes
pull over plain HTTP, CLUSTER_REGISTRY=HOST:PORT/PATH, and nodes with the node bundle of this checkout.
${INSTALLED}=FOLDER installs the node bundle into a folder, and later runs use it from there.

Needs root and the programs of: sh host/cli/setup.sh --test. Builds Kubernetes from its Go modules when it runs first, which needs Go
and takes most of an hour on two cores; what is built stays in ~/.cache/nearlight/cluster. Not part of npm test. The logs of the
last run are in build/cluster.
`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

interface FullReport extends Report {
  testResults: { status: string; assertionResults: { title: string; status: string }[] }[];
}

interface Arguments {
  nodeCount: number;
  hold: boolean;
  build: boolean;
  rest: string[];
}

/** Reads the options of this command; the others are for vitest. @throws Error for a number of nodes that is not possible */
export function parseArguments(args: readonly string[]): Arguments {
  const parsed: Arguments = { nodeCount: NODES, hold: false, build: false, rest: [] };
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? '';
    if (argument === '--hold') parsed.hold = true;
    else if (argument === '--build') parsed.build = true;
    else if (argument === '--nodes') parsed.nodeCount = Number(args[++i] || Number.NaN);
    else parsed.rest.push(argument);
  }
  const { nodeCount } = parsed;
  if (!Number.isInteger(nodeCount) || nodeCount < 0 || nodeCount > NODES_MAX)
    throw new Error(`--nodes must be a whole number from 0 to ${NODES_MAX}`);
  return parsed;
}

function missingPackages(): string[] {
  const missing = Object.entries(PROGRAMS).filter(([name]) => spawnSync('which', [name]).status !== 0);
  return [...new Set(missing.flatMap(([, packages]) => packages.split(' ')))];
}

/** Starts a process of this Node in the repository. */
function node(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' });
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
}

async function open({ nodeCount }: Arguments, signal: AbortSignal): Promise<RunningCluster> {
  const { CLUSTER, CLUSTER_REGISTRY: registry, CLUSTER_ADDRESS: address } = process.env;
  if (CLUSTER) return useCluster(CLUSTER, { ...(registry ? { registry } : {}), ...(address ? { address } : {}) });
  if (process.getuid?.() !== 0) throw new Error('namespaces, mounts and cgroups require root');
  const missing = missingPackages();
  if (missing.length > 0)
    throw new Error(
      `programs are missing; install them with: apt-get install --no-install-recommends ${missing.join(' ')}`,
    );
  return startCluster({ nodeCount, signal, say });
}

async function runTests(cluster: RunningCluster, args: string[], signal: AbortSignal): Promise<number> {
  for (const path of [REPORT, FIGURES_PATH]) rmSync(path, { force: true });
  const options = ['--config', 'test/cluster/vitest.config.ts', '--reporter=verbose', '--reporter=json'];
  const tests = node(['node_modules/vitest/vitest.mjs', 'run', ...options, `--outputFile.json=${REPORT}`, ...args], {
    [DESCRIPTION]: cluster.path,
    [FIGURES]: FIGURES_PATH,
  });
  signal.addEventListener('abort', () => tests.kill());
  const status = await exitOf(tests);
  const figures = readFigures(FIGURES_PATH);
  if (figures.length > 0)
    say(formatReport({ name: 'cluster', date: '', machine: describeMachine(), figures, goals: [] }));
  const report = readReport<FullReport>(REPORT);
  const results = report?.testResults.flatMap(({ assertionResults }) => assertionResults) ?? [];
  if (args.length === 0) say(faultTable(results));
  say(countLine(report, false));
  return status;
}

async function main(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const parsed = parseArguments(args);
  if (parsed.build) {
    for (const path of Object.values(await findCommands(say))) say(path);
    return 0;
  }
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => interrupt.abort(new Error(`interrupted by ${name}`)));
  const { signal } = interrupt;
  const built = await exitOf(node(['host/cli/main.ts', 'build']));
  if (built !== 0) return built;
  const cluster = await open(parsed, signal);
  try {
    if (parsed.hold) {
      say(`CLUSTER=${cluster.description.kubeconfig}`);
      say(`${cluster.description.kubectl} --kubeconfig ${cluster.description.kubeconfig} get nodes`);
      say('The cluster runs until Ctrl-C.');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return 0;
    }
    return await runTests(cluster, parsed.rest, signal);
  } finally {
    await cluster.close();
  }
}

if (import.meta.main)
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`test:cluster: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
