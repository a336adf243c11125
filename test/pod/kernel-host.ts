import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { constants, readdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { PeerConnection } from 'node-datachannel';
import { must } from '../../host/base/assert.ts';
import { openGpu } from '../../host/gpu/dawn.ts';
import { inheritedNodeRoot, loadKernel } from '../../host/pod/kernel.ts';
import { hostRoot, type RootEntry } from '../../host/pod/root.ts';

// A process that uses the kernel addon, for kernel.test.ts. It runs one command for each line of JSON on its input, and
// answers with one line. The kind `full` has as many threads as a real host, with workers that are never idle.
const [, , addonPath, kind] = process.argv;
const kernel = loadKernel(must(addonPath, 'path of the addon'), inheritedNodeRoot());
if (kind === 'full') {
  await openGpu({ hardwareRequired: false, log: () => {} });
  new PeerConnection('kernel-host', { iceServers: [] }).createDataChannel('kernel-host');
  for (let worker = 0; worker < 8; worker++) void keepBusy();
  await sleep(50);
}

async function keepBusy(): Promise<void> {
  for (;;) {
    await lookup('localhost').catch(() => {});
    await readFile('/proc/self/status');
  }
}

/** A thread of this process, as the kernel describes it. */
export interface Thread {
  name: string;
  network: string;
  capabilities: string[];
  noNewPrivileges: string;
}

function threads(): Thread[] {
  return readdirSync('/proc/self/task').flatMap((id) => {
    try {
      return [thread(`/proc/self/task/${id}`)];
    } catch {
      // The thread has ended while its files were read.
      return [];
    }
  });
}

function thread(folder: string): Thread {
  const status = readFileSync(`${folder}/status`, 'utf8');
  const field = (name: string) => must(new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1], name);
  return {
    name: field('Name'),
    network: readlinkSync(`${folder}/ns/net`),
    capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) => field(set).replace(/^0+(?=.)/, '')),
    noNewPrivileges: field('NoNewPrivs'),
  };
}

const COMMANDS: Record<string, (...args: never[]) => unknown> = {
  threads,
  ready: () => process.pid,
  enterNetwork: (path: string) => kernel.enterNetwork(path),
  newNetwork: () => kernel.newNetwork(),
  becomeUser: (id: number, groups: number[]) => kernel.becomeUser(id, groups),
  /** Leaves the node's root for one with these entries, by default those of a pod's host. */
  emptyRoot: (entries?: RootEntry[]) => kernel.emptyRoot(entries ?? hostRoot()),
  copyFromNode: (source: string, target: string) => kernel.copyFromNode(source, target),
  leaveNode: () => kernel.leaveNode(),
  /** Creates a file on the node, or adds to it. */
  append: (path: string, text: string) => {
    const { O_CREAT, O_APPEND, O_WRONLY } = constants;
    writeSync(kernel.openOnNode(path, O_CREAT | O_APPEND | O_WRONLY), text);
  },
  list: (path: string) => readdirSync(path),
  interfaces: () => networkInterfaces(),
  descriptors: () => readdirSync('/proc/self/fd'),
  read: (path: string) => readFileSync(path, 'utf8'),
  write: (path: string) => writeFileSync(path, 'x'),
  lookup: (name: string) => lookup(name),
  setGroup: (id: number) => process.setegid?.(id),
  async serve() {
    const server = createServer((_request, response) => response.end('from inside')).listen(0, '0.0.0.0');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  /** Sends a datagram to an address that only the namespace has; returns the address it came from. */
  async datagram(address: string) {
    const [from, to] = [createSocket('udp4'), createSocket('udp4')];
    to.bind(0, address);
    await once(to, 'listening');
    from.send('x', to.address().port, address);
    const [, sender] = (await once(to, 'message')) as [Buffer, { address: string }];
    from.close();
    to.close();
    return sender.address;
  },
  async connect(port: number, host: string) {
    const socket = connect(port, host);
    await once(socket, 'connect');
    socket.destroy();
  },
  /** Enters two networks in turn while workers start and exit; returns the median number of pauses in a call. */
  async enterOften(path: string, times: number) {
    let isOver = false;
    const churns = [1, 2, 3].map(async () => {
      while (!isOver) await once(new Worker('', { eval: true }), 'exit');
    });
    const pauses: number[] = [];
    for (let time = 0; time < times; time++) {
      await sleep(time % 5);
      const result = time % 2 === 0 ? kernel.enterNetwork(path) : kernel.newNetwork();
      pauses.push(result.pauses);
      const own = readlinkSync('/proc/thread-self/ns/net');
      const missed = threads().filter(({ network }) => network !== own);
      if (missed.length > 0) throw new Error(`missed ${JSON.stringify([missed, result])}`);
    }
    isOver = true;
    await Promise.all(churns);
    return pauses.sort((a, b) => a - b)[times / 2];
  },
};

for await (const line of createInterface(process.stdin)) {
  const [name, ...args] = JSON.parse(line) as [string, ...never[]];
  let answer: object;
  try {
    answer = { value: (await must(COMMANDS[name], name)(...args)) ?? null };
  } catch (error) {
    answer = { error: (error as Error).message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
