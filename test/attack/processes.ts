/**
 * Prints what /proc says about the processes of a pod on an installed node bundle, beside what Firecracker documents about
 * its jailer, as a table in Markdown: `node test/attack/processes.ts`. With --write, the table goes into host/THREATS.md.
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { moduleKey } from '../../host/gpu/vetting.ts';
import { KnownShaders } from '../../host/play/vet/known.ts';
import { runPaths } from '../../host/pod/paths.ts';
import { VetClient } from '../../host/pod/vet-client.ts';
import type { Rig } from '../k3s/containerd.ts';
import { supervisorOf } from '../k3s/game.ts';
import { guestOf } from '../k3s/guest.ts';
import { importGame } from '../k3s/image.ts';
import { installBundle } from '../pod/node/installed.ts';
import { commandLine, descendants } from '../process-tree.ts';
import { type Facts, NAMESPACES, readFacts } from './facts.ts';
import { installation, startInstalledRig } from './installed.ts';
import { compiling, hostOf } from './pods.ts';

const root = join(import.meta.dirname, '../..');
const DOCUMENT = join(root, 'host/THREATS.md');
/** The table in the document lies between these two lines. */
const [BEGIN, END] = ['<!-- processes -->', '<!-- end -->'];

/** One line of the table: what it is about, how to read it from a process, and what Firecracker documents. */
interface Line {
  name: string;
  of(facts: Facts): string;
  firecracker: string;
}

const isNone = (mask: string) => Number.parseInt(mask, 16) === 0;

/** The namespaces whose documented state is not "the node's, as far as documented". */
const FIRECRACKER_NAMESPACES: Partial<Record<(typeof NAMESPACES)[number], string>> = {
  mnt: 'own',
  pid: 'own with `--new-pid-ns`',
  net: 'the one given with `--netns`',
};

const LINES: readonly Line[] = [
  { name: 'user and group', of: ({ uid, gid }) => `${uid}:${gid}`, firecracker: 'those given to the jailer' },
  {
    name: 'effective and permitted capabilities',
    of: ({ effective, permitted }) => masks(effective, permitted),
    firecracker: 'unprivileged once its user is set',
  },
  { name: 'bounding set', of: ({ bounding }) => masks(bounding, bounding), firecracker: 'not documented' },
  { name: 'no_new_privs', of: ({ noNewPrivs }) => (noNewPrivs ? 'yes' : 'no'), firecracker: 'not documented' },
  {
    name: 'seccomp',
    of: ({ seccomp }) => (seccomp === 2 ? 'filter' : 'none'),
    firecracker: 'a list of allowed calls for each thread, before guest code runs',
  },
  ...NAMESPACES.map((name) => ({
    name: `${name} namespace`,
    of: ({ ownNamespaces }: Facts) => (ownNamespaces.includes(name) ? 'own' : "node's"),
    firecracker: FIRECRACKER_NAMESPACES[name] ?? 'not documented',
  })),
  {
    name: 'names in its root',
    of: (facts) =>
      facts.root.join() === readdirSync('/').sort().join() ? "the node's" : facts.root.join(' ') || 'none',
    firecracker: 'its own binary, `/dev/kvm`, `/dev/net/tun`, and what is put there',
  },
  {
    name: 'open descriptors',
    of: ({ descriptors }) => kinds(descriptors),
    firecracker: 'only 0, 1 and 2 are inherited',
  },
];

function masks(...values: string[]): string {
  return values.every(isNone)
    ? 'none'
    : [...new Set(values.map((mask) => `0x${mask.replace(/^0+/, '') || '0'}`))].join(', ');
}

/** Counts descriptors by what they refer to, as in `socket x3`. */
function kinds(descriptors: ReadonlyMap<number, string>): string {
  const names = [...descriptors.values()].map((target) => {
    if (target === '/dev/null') return '/dev/null';
    const [, kind] = /^(socket|pipe|anon_inode|\/memfd|net|mnt)\b/.exec(target) ?? [];
    if (kind) return kind.replace('/', '');
    return target.startsWith('/dev/') ? 'device' : target.includes('(deleted)') ? 'deleted file' : 'file';
  });
  const groups = Object.entries(Object.groupBy(names, (name) => name)).sort(([a], [b]) => a.localeCompare(b));
  return groups.map(([name, list]) => `${name} x${list?.length}`).join(', ');
}

function table(columns: readonly (readonly [string, Facts])[]): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const head = ['', ...columns.map(([name]) => name), 'Firecracker and its jailer'];
  const lines = LINES.map(({ name, of, firecracker }) =>
    row([name, ...columns.map(([, facts]) => of(facts)), firecracker]),
  );
  return [row(head), row(head.map(() => '---')), ...lines].join('\n');
}

/** The name of a program that a process runs: of its script, if that is Node, and else of the last program in its command. */
function nameOf(pid: number): string {
  const words = commandLine(pid).split(' ');
  const script = words.find((word) => /\.[jt]s$/.test(word));
  const program = script ?? words.filter((word) => word.startsWith('/')).at(-1) ?? words[0] ?? '';
  return basename(program).replace(/\.[jt]s$/, '');
}

/** Plays a game in a pod with a network of its own, lets a second one compile, and reads the facts about each process. */
async function read(rig: Rig): Promise<string> {
  const module = readFileSync(join(root, 'build/latency.wasm'));
  const image = await importGame(rig, 'table', module);
  const pod = await rig.cri.runPod({ name: 'table', hostNetwork: false });
  const security = {
    runAsUser: { value: 65_532 },
    runAsGroup: { value: 65_532 },
    noNewPrivs: true,
    capabilities: { dropCapabilities: ['ALL'] },
  };
  const container = await rig.cri.create(pod, { name: 'game', image, security });
  await rig.cri.start(container);
  const host = await hostOf(rig, pod);
  const guest = await guestOf(rig, { pod, container });
  const supervisor = await supervisorOf(rig, pod);
  const { pid: compiler, settled } = await compiling(rig);
  const columns: [string, Facts][] = [['keeper', readFacts(rig.keeperPid())]];
  if (supervisor !== host) columns.push(['supervisor', readFacts(supervisor)]);
  columns.push(['host', readFacts(host)], ['guest', readFacts(guest)], ['compiler', readFacts(compiler)]);
  columns.push(['trial', await readTrial(rig)]);
  for (const pid of descendants(supervisor)) {
    const name = nameOf(pid);
    if (pid !== host && !columns.some(([known]) => known === name)) columns.push([name, readFacts(pid)]);
  }
  const text = table(columns);
  await settled;
  return text;
}

/** The identity of the GPU's driver in an installation, which brings its own. */
function identityIn(home: string): string {
  const from = (path: string) => JSON.stringify(join(home, path));
  const script = `
    const { openGpu } = await import(${from('host/gpu/dawn.js')});
    const { driverIdentity } = await import(${from('host/play/vet/driver.js')});
    const gpu = await openGpu({ hardwareRequired: false, log() {} });
    process.stdout.write(driverIdentity(gpu));
    process.exit();`;
  return execFileSync(join(home, 'bin/node'), ['--input-type=module', '-e', script], { encoding: 'utf8' });
}

/** Has the keeper try a shader, as a host does, and reads the facts about the process that tries it. */
async function readTrial(rig: Rig): Promise<Facts> {
  const known = new KnownShaders({
    identity: identityIn(installation().home),
    folder: rig.runDir,
    stores: false,
    log: () => {},
  });
  const { vetSocket } = runPaths(rig.runDir);
  const client = new VetClient({ known, connect: async () => connect(vetSocket) });
  try {
    const code = `const fresh = ${randomInt(2 ** 31)};`;
    await client.try(client.digest(moduleKey(code)), { kind: 'shaderModule', code }, {});
    const isTrial = (pid: number) => /^\S*node .*vet\/child/.test(commandLine(pid));
    return readFacts(must(descendants(rig.keeperPid()).find(isTrial), 'trial process'));
  } finally {
    await client.close();
  }
}

async function main(args: string[]): Promise<void> {
  const given = process.env.NEARLIGHT_INSTALLED;
  const folder = given ?? mkdtempSync('/tmp/nl-installed-');
  process.env.NEARLIGHT_INSTALLED = folder;
  try {
    if (given === undefined) await installBundle(folder);
    const rig = await startInstalledRig();
    try {
      const text = await read(rig);
      process.stdout.write(`${text}\n`);
      if (args.includes('--write')) insert(text);
    } finally {
      await rig.close();
    }
  } finally {
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Replaces the table in the document. */
function insert(text: string): void {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [from, to] = [document.indexOf(BEGIN) + BEGIN.length, document.indexOf(END)];
  writeFileSync(DOCUMENT, `${document.slice(0, from)}\n${text}\n${document.slice(to)}`);
}

await main(process.argv.slice(2));
