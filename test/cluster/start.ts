import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findCommands } from './binaries.ts';
import { makeAuthority } from './certificates.ts';
import { type Cluster, connect, type Description, enter, GAME_LABEL } from './cluster.ts';
import { startControlPlane } from './control-plane.ts';
import { pushPrograms } from './images.ts';
import { INSTALLED, install } from './installation.ts';
import { startMachine } from './machine.ts';
import { makeNetwork, type Network } from './network.ts';
import { type Node, startNode } from './node.ts';
import { startLogged } from './program.ts';
import { FOLDER, sign, sweep } from './sweep.ts';

const ROOT = join(import.meta.dirname, '../..');
const REGISTRY_PORT = 5000;
const REGISTRY_MS_MAX = 60_000;
/** Folder for the logs of the last run. */
const LOGS = join(ROOT, 'build/cluster');

export interface RunningCluster {
  description: Description;
  /** Path of the file with the description. */
  path: string;
  close(): Promise<void>;
}

export interface StartOptions {
  nodeCount: number;
  /** Ends the start. */
  signal: AbortSignal;
  say(line: string): void;
}

/**
 * Starts a cluster; resolves when all its nodes are ready for games.
 * @throws Error with the reason, after everything that was started has ended
 */
export async function startCluster({ nodeCount, signal, say }: StartOptions): Promise<RunningCluster> {
  const commands = await findCommands(say);
  const began = Date.now();
  await sweep();
  const folder = mkdtempSync(FOLDER);
  const name = `nlc${process.pid}`;
  sign(folder, name);
  const closers: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await Promise.resolve(step()).catch(() => {});
  };
  try {
    const step = (text: string) => {
      signal.throwIfAborted();
      say(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`);
    };
    const nodes: Node[] = [];
    closers.push(() => keepLogs(folder, nodes));
    const network = await makeNetwork(name);
    closers.push(() => network.close());
    const machine = await startMachine('control');
    closers.push(() => machine.close());
    const registry = await startRegistry(folder, network, machine.pid);
    step('network and registry');
    mkdirSync(join(folder, 'pki'), { mode: 0o700 });
    const authority = await makeAuthority(join(folder, 'pki'));
    const options = { folder, commands, machine, network, authority };
    const given = process.env[INSTALLED];
    const installation = given || join(folder, 'installed');
    const [{ server, kubeconfig }] = await Promise.all([
      startControlPlane(options).then((control) => {
        step('control plane');
        return control;
      }),
      nodeCount === 0 || existsSync(join(installation, 'bin')) ? undefined : install(installation, step),
      pushPrograms(registry),
    ]);
    for (let index = 0; index < nodeCount; index++) {
      const node = await startNode({
        name: `node-${'abcdefgh'[index]}`,
        index,
        count: nodeCount,
        folder: join(folder, `${index}`),
        cgroup: `${basename(folder)}-${index}`,
        installation,
        registry,
        server,
        commands,
        network,
        authority,
      });
      closers.push(() => node.close());
      nodes.push(node);
    }
    step('programs of the nodes');
    const description: Description = {
      kubeconfig,
      kubectl: commands.kubectl,
      address: network.address,
      registry,
      nodes: nodes.map(({ name, address, folder }) => ({ name, address, folder })),
    };
    await nodesReady(connect(description), nodeCount);
    step(`${nodeCount} nodes ready`);
    const path = join(folder, 'cluster.json');
    writeFileSync(path, JSON.stringify(description, null, 2));
    return { description, path, close };
  } catch (error) {
    await close();
    throw new Error(`${(error as Error).message}\nThe logs of all programs are in ${LOGS}`);
  }
}

/** Waits until all nodes are ready, and gives them the label of nodes that run games, as an administrator does. */
async function nodesReady(cluster: Cluster, count: number): Promise<void> {
  interface Nodes {
    items: { status: { conditions: { type: string; status: string }[] } }[];
  }
  await cluster.until(async () => {
    const { items } = await cluster.get<Nodes>('nodes');
    const isReady = ({ status }: Nodes['items'][number]) =>
      status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
    return items.filter(isReady).length === count;
  }, 'the nodes: none or not all are Ready');
  if (count > 0) await cluster.kubectl('label', 'nodes', '--all', GAME_LABEL);
}

export async function startRegistry(folder: string, { address }: Network, pid: number): Promise<string> {
  const registry = `${address}:${REGISTRY_PORT}`;
  const config = join(folder, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: ${folder}/registry }, delete: { enabled: true } }
http: { addr: "${registry}", secret: test }
`,
  );
  startLogged('nsenter', [...enter(pid), 'docker-registry', 'serve', config], join(folder, 'log/registry.log'));
  const end = Date.now() + REGISTRY_MS_MAX;
  for (;;) {
    const isUp = await fetch(`http://${registry}/v2/`).then(
      () => true,
      () => false,
    );
    if (isUp) return registry;
    if (Date.now() > end) throw new Error('docker-registry does not answer');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Copies the logs of all programs into the build folder. */
function keepLogs(folder: string, nodes: readonly Node[]): void {
  rmSync(LOGS, { recursive: true, force: true });
  const copy = (from: string, name: string) => {
    if (existsSync(from))
      cpSync(from, join(LOGS, name), { recursive: true, filter: (path) => !/\/(pods|containers)$/.test(path) });
  };
  copy(join(folder, 'log'), 'control');
  for (const { name, folder: own } of nodes) {
    copy(join(own, 'var/log'), name);
    copy(join(own, 'run/nearlight/log'), `${name}/nearlight`);
  }
}
