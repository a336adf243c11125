import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { readList, readNetwork } from '../base/setting.ts';

/** Number of 16-bit groups of an IPv6 address that name a network. A customer gets a whole network (RFC 6177). */
const IPV6_GROUPS = 4;

/** Finds the address of the client behind a request. */
export class Clients {
  readonly #proxies = new BlockList();

  /** @param trustedProxies the setting TRUSTED_PROXIES */
  constructor(trustedProxies: string) {
    for (const entry of readList(trustedProxies)) {
      const network = readNetwork(entry);
      if (network) this.#proxies.addSubnet(network.address, network.prefix, network.family);
    }
  }

  /**
   * Returns the key under which a request's client is counted: its IPv4 address, or the network of its IPv6 address. The
   * header X-Forwarded-For counts only from its end, as far as trusted proxies have written it.
   */
  keyOf(request: IncomingMessage): string {
    let address = plainAddress(request.socket.remoteAddress ?? '');
    const header = request.headers['x-forwarded-for'];
    const hops = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').reverse();
    for (const hop of hops) {
      const next = plainAddress(hop.trim());
      if (isIP(next) === 0 || !this.#isTrusted(address)) break;
      address = next;
    }
    return networkOf(address);
  }

  /** Tells whether a connection comes from a trusted proxy. */
  isProxy({ remoteAddress }: Socket): boolean {
    return this.#isTrusted(plainAddress(remoteAddress ?? ''));
  }

  #isTrusted(address: string): boolean {
    return isIP(address) !== 0 && this.#proxies.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
}

/** Returns an address without its zone, and an IPv4 address that is written as an IPv6 address as the former. */
export function plainAddress(address: string): string {
  const [plain = ''] = address.split('%', 1);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  return mapped ?? plain;
}

/** Returns the network of an IPv6 address, and an IPv4 address unchanged. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...right];
  return `${groups
    .slice(0, IPV6_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::`;
}
