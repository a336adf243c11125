import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { PeerConnection } from 'node-datachannel';
import { openGpu } from '../../host/gpu/dawn.ts';
import { loadKernel } from '../../host/pod/kernel.ts';

// A host as full of threads as a pod's, with workers that are never idle. It does what lines of JSON on its input say, and
// answers each with one.
const kernel = loadKernel(process.argv[2]!);
if (process.argv[3] === 'full') {
  await openGpu({ hardwareRequired: false, log: () => {} });
  new PeerConnection('entrant', { iceServers: [] }).createDataChannel('entrant');
  for (let worker = 0; worker < 8; worker++) void keepBusy();
}

async function keepBusy(): Promise<void> {
  for (;;) {
    await lookup('localhost').catch(() => {});
    await readFile('/proc/self/status');
  }
}

interface Thread {
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
      // It has ended meanwhile.
      return [];
    }
  });
}

function thread(folder: string): Thread {
  const status = readFileSync(`${folder}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)![1]!;
  return {
    name: field('Name'),
    network: readlinkSync(`${folder}/ns/net`),
    capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) => field(set).replace(/^0+(?=.)/, '')),
    noNewPrivileges: field('NoNewPrivs'),
  };
}

const commands: Record<string, (...args: never[]) => unknown> = {
  threads,
  ready: () => process.pid,
  enterNetwork: (path: string) => kernel.enterNetwork(path),
  newNetwork: () => kernel.newNetwork(),
  dropPrivileges: (keep: number[]) => kernel.dropPrivileges(keep),
  bindMount: (source: string, target: string, readOnly: boolean) => kernel.bindMount(source, target, readOnly),
  unmount: (target: string) => kernel.unmount(target),
  makeSlave: (target: string) => kernel.makeSlave(target),
  interfaces: () => networkInterfaces(),
  read: (path: string) => readFileSync(path, 'utf8'),
  write: (path: string) => writeFileSync(path, 'x'),
  lookup: (name: string) => lookup(name),
  setGroup: (id: number) => process.setegid!(id),
  async serve() {
    const server = createServer((_request, response) => response.end('from inside')).listen(0, '0.0.0.0');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  /** What a datagram socket sees of itself when it sends to an address of the namespace alone. */
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
  /** Enters two networks in turn while workers come and go; gives how many times it waited for a thread in vain. */
  async enterOften(path: string, times: number) {
    let ended = false;
    const churns = [1, 2, 3].map(async () => {
      while (!ended) await once(new Worker('', { eval: true }), 'exit');
    });
    let vain = 0;
    for (let time = 0; time < times; time++) {
      await sleep(time % 5);
      const result = time % 2 === 0 ? kernel.enterNetwork(path) : kernel.newNetwork();
      if (result.skipped.length > 0) vain++;
      const own = readlinkSync('/proc/thread-self/ns/net');
      const missed = threads().filter(({ network }) => network !== own);
      if (missed.length > 0) throw new Error(`missed ${JSON.stringify([missed, result])}`);
    }
    ended = true;
    await Promise.all(churns);
    return vain;
  },
};

for await (const line of createInterface(process.stdin)) {
  const [command, ...args] = JSON.parse(line) as [string, ...never[]];
  let answer: object;
  try {
    answer = { value: (await commands[command]!(...args)) ?? null };
  } catch (error) {
    answer = { error: (error as Error).message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
