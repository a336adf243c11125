// Two nodes as network namespaces, each with a NATS leaf, and a hub: events and messages while the line of one of them is cut.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkFault } from '../net/network.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const CUT_SECONDS = numberFrom('CUT_SECONDS', 60, 1);
/** Seconds before and after the cut during which the nodes add events. */
const AROUND_SECONDS = 15;
/** As in leaves/node.ts. */
const PER_SECOND = 50;
const EVENTS = (AROUND_SECONDS + CUT_SECONDS + AROUND_SECONDS) * PER_SECOND;
/** Goal for the time from the end of the cut until every event has arrived. */
const RECOVERY_MS_MAX = 10_000;
const DRAIN_MS_MAX = 120_000;
const CLIENTS = 4222;
const LEAVES = 7422;

const folder = mkdtempSync(join(tmpdir(), 'nearlight-leaves-'));
const prefix = `nl${process.pid}`;
const NODES = ['a', 'b'] as const;
const namespace = (name: string) => `${prefix}-${name}`;
const inside = (name: string, ...command: string[]): [string, string[]] => [
  'nsenter',
  [`--net=/run/netns/${namespace(name)}`, ...command],
];
const run = (name: string, ...command: string[]) => execFileSync(...inside(name, ...command), { encoding: 'utf8' });
const ip = (words: string) => execFileSync('ip', words.split(' '));
const children: ChildProcess[] = [];

function buildNetwork(): void {
  for (const name of ['hub', ...NODES]) {
    ip(`netns add ${namespace(name)}`);
    ip(`-n ${namespace(name)} link set lo up`);
  }
  for (const [n, name] of NODES.entries()) {
    const [hub, node] = [namespace('hub'), namespace(name)];
    ip(`link add to-${name} netns ${hub} type veth peer name hub netns ${node}`);
    ip(`-n ${hub} addr add 10.78.${n}.1/24 dev to-${name}`);
    ip(`-n ${hub} link set to-${name} up`);
    ip(`-n ${node} addr add 10.78.${n}.2/24 dev hub`);
    ip(`-n ${node} link set hub up`);
  }
  run('hub', 'nft', 'table ip nearlight { chain cut { type filter hook input priority 0; }\n}');
}

/** Starts a NATS server in a namespace, with a configuration. */
function startServer(name: string, config: string): void {
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, config);
  children.push(spawn(...inside(name, 'nats-server', '-c', file), { stdio: 'ignore' }));
}

interface Node {
  lines: string[];
}

function startNode(name: string): Node {
  const place = join(folder, name);
  mkdirSync(place);
  const program = join(import.meta.dirname, 'leaves/node.ts');
  const child = spawn(
    ...inside(name, process.execPath, program, place, `nats://127.0.0.1:${CLIENTS}`, name, `${EVENTS}`),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const lines: string[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return { lines };
}

const hub = (task: string) =>
  run('hub', process.execPath, join(import.meta.dirname, 'leaves/hub.ts'), `nats://127.0.0.1:${CLIENTS}`, task);

/** Returns what follows a word in the lines that start with it. */
const after = ({ lines }: Node, word: string): string[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

const numberOf = (id: string): number => Number(id.split('-')[1]);

/** Counts the neighbours in a list of numbers of which the second is not larger. */
const disorders = (numbers: number[]): number =>
  numbers.slice(1).filter((number, index) => number <= (numbers[index] ?? -1)).length;

async function measure(bench: Bench): Promise<void> {
  buildNetwork();
  const store = join(folder, 'jetstream');
  startServer(
    'hub',
    `listen: 0.0.0.0:${CLIENTS}\nleafnodes { port: ${LEAVES} }\njetstream { store_dir: "${store}" }\n`,
  );
  await sleep(1000);
  hub('make');
  for (const [n, name] of NODES.entries())
    startServer(
      name,
      `listen: 127.0.0.1:${CLIENTS}\nping_interval: "5s"\nleafnodes { reconnect: 1, remotes: [ { url: "nats://10.78.${n}.1:${LEAVES}" } ] }\n`,
    );
  await sleep(2000);
  const nodes = NODES.map(startNode);
  const [cutNode = { lines: [] }, other = { lines: [] }] = nodes;
  await sleep(AROUND_SECONDS * 1000);
  run('hub', 'nft', 'add rule ip nearlight cut iifname "to-a" drop');
  const said = after(cutNode, 'said').length;
  await sleep(CUT_SECONDS * 1000);
  run('hub', 'nft', 'flush chain ip nearlight cut');
  const backAt = performance.now();
  const saidAtEnd = after(cutNode, 'said').length;
  const wanted = () => after(cutNode, 'event').length;
  const waited = wanted();
  let recoveredMs = Number.POSITIVE_INFINITY;
  while (performance.now() - backAt < DRAIN_MS_MAX) {
    const arrived = hub('read')
      .split('\n')
      .filter((id) => id.startsWith('a-')).length;
    if (arrived >= waited) {
      recoveredMs = performance.now() - backAt;
      break;
    }
  }
  const isDone = () =>
    nodes.every(({ lines }) => after({ lines }, 'event').length === EVENTS && lines.at(-1) === 'drained');
  for (let n = 0; n < DRAIN_MS_MAX / 100 && !isDone(); n++) await sleep(100);
  const ids = hub('read').split('\n').filter(Boolean);
  const acknowledged = nodes.flatMap((node) => after(node, 'event'));
  const arrived = new Set(ids);
  const lost = acknowledged.filter((id) => !arrived.has(id)).length;
  const byMatch = Map.groupBy(ids, (id) => `${id.split('-')[0]}/${numberOf(id) % 4}`);
  const unordered = [...byMatch.values()].reduce((sum, list) => sum + disorders(list.map(numberOf)), 0);
  bench.value('events acknowledged by the stores of both nodes', '', acknowledged.length);
  for (const [name, value] of [
    ['events lost', lost],
    ['events doubled in the stream', ids.length - arrived.size],
    ['events out of order within their match', unordered],
  ] as const)
    bench.goal(name, { direction: 'at most', limit: 0, value, unit: '' });
  bench.goal('from the end of the cut until what waited has arrived', {
    direction: 'at most',
    limit: RECOVERY_MS_MAX,
    value: recoveredMs,
    unit: 'ms',
  });
  const heard = after(other, 'heard').map(numberOf);
  const duringCut = heard.filter((n) => n >= said && n < saidAtEnd).length;
  bench.value('messages that the cut node sent', '', after(cutNode, 'said').length);
  bench.value('of them while the line was cut', '', saidAtEnd - said);
  bench.value('of those heard by the other node', '', duringCut);
  const outside = [...Array(EVENTS).keys()].filter((n) => n < said - PER_SECOND || n >= saidAtEnd + 5 * PER_SECOND);
  const set = new Set(heard);
  bench.goal('messages lost that were sent more than a second before the cut or five after it', {
    direction: 'at most',
    limit: 0,
    value: outside.filter((n) => !set.has(n) && n > PER_SECOND).length,
    unit: '',
  });
  bench.goal('messages out of order or doubled', { direction: 'at most', limit: 0, value: disorders(heard), unit: '' });
}

await benchmark('leaves', async (bench) => {
  const fault = networkFault();
  if (fault !== undefined) throw new Error(fault);
  try {
    await measure(bench);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    for (const name of ['hub', ...NODES]) spawnSync('ip', ['netns', 'delete', namespace(name)]);
    rmSync(folder, { recursive: true, force: true });
  }
});
