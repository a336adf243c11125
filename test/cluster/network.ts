import { networkInterfaces } from 'node:os';
import { run } from './cluster.ts';
import { type Machine, runOn } from './machine.ts';

/** Addresses of a cluster, in one network of 16 bits: nodes in its first part, pods in the second and Services in the third. */
export interface Network {
  /** Name of the bridge between the nodes. */
  readonly bridge: string;
  /** Address of the control plane and of the tests. */
  readonly address: string;
  readonly services: string;
  /** The range of all pods. */
  readonly pods: string;
  nodeAddress(index: number): string;
  /** The range of a node's pods. */
  podRange(index: number): string;
  /** Name of a node's network device outside the node. */
  device(index: number): string;
  close(): Promise<void>;
}

/** Networks 10.64.0.0/16 to 10.199.0.0/16: `npm test` uses those above. */
const NETWORKS = { first: 64, count: 136 };
const NODE_FIRST = 11;

/** Makes a bridge with an address in a network that this machine does not use. */
export async function makeNetwork(name: string): Promise<Network> {
  const routes = await run('ip', ['-4', 'route', 'show', 'table', 'all']);
  const used = [
    routes,
    ...Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []),
  ];
  const numbers = Array.from({ length: NETWORKS.count }, (_, i) => NETWORKS.first + i);
  const number = numbers.find((one) => !used.some((text) => new RegExp(`\\b10\\.${one}\\.`).test(text)));
  if (number === undefined) throw new Error('this machine uses all networks from 10.64.0.0/16 to 10.199.0.0/16');
  const prefix = `10.${number}`;
  const bridge = `${name}br`;
  await run('ip', ['link', 'add', bridge, 'type', 'bridge']);
  await run('ip', ['address', 'add', `${prefix}.0.1/24`, 'dev', bridge]);
  await run('ip', ['link', 'set', bridge, 'up']);
  return {
    bridge,
    address: `${prefix}.0.1`,
    pods: `${prefix}.64.0/18`,
    services: `${prefix}.128.0/17`,
    nodeAddress: (index) => `${prefix}.0.${NODE_FIRST + index}`,
    podRange: (index) => `${prefix}.${64 + 4 * index}.0/22`,
    device: (index) => `${name}n${index}`,
    close: () => run('ip', ['link', 'delete', bridge]).then(() => {}),
  };
}

/** Connects a node to the bridge, and tells it and this machine how to reach the pods of each other and of this node. */
export async function connectNode(network: Network, { pid }: Machine, index: number, count: number): Promise<void> {
  const [device, own] = [network.device(index), network.nodeAddress(index)];
  await run('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)]);
  await run('ip', ['link', 'set', device, 'master', network.bridge, 'up']);
  const others = Array.from({ length: count }, (_, i) => i).filter((other) => other !== index);
  const commands = [
    `ip address add ${own}/24 dev eth0`,
    'ip link set eth0 up',
    `ip route add default via ${network.address}`,
    ...others.map((other) => `ip route add ${network.podRange(other)} via ${network.nodeAddress(other)}`),
    'echo 1 >/proc/sys/net/ipv4/ip_forward',
    // Packets from a pod to a Service whose pod is on the same bridge pass the rules of kube-proxy.
    'echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables || true',
  ];
  await runOn({ pid }, 'sh', '-ec', commands.join('\n'));
  await run('ip', ['route', 'add', network.podRange(index), 'via', own]);
  if (index === 0) await run('ip', ['route', 'add', network.services, 'via', own]);
}
