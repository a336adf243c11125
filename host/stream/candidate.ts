import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** An address at which a page may reach a connection. */
export interface Endpoint {
  address: string;
  port: number;
}

/** RFC 8445, 5.1.2.1: type preference of a host candidate, and local preferences below all that the library gives. */
const HOST_PREFERENCE = 126 * 2 ** 24;
const COMPONENT = 1;
const CANDIDATE = /^a=candidate:\S+ 1 UDP \d+ (\S+) (\d+) typ host/gim;

/** Addresses in an answer's candidates. */
export function endpointsOf(sdp: string): Endpoint[] {
  return [...sdp.matchAll(CANDIDATE)].map(([, address, port]) => ({ address: address!, port: Number(port) }));
}

/** The ICE user fragment in an SDP. */
export function ufragOf(sdp: string): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1];
}

/**
 * Adds candidates to the first section of an answer, in falling order of preference; a page prefers the answer's own where it
 * reaches both.
 */
export function addCandidates(sdp: string, endpoints: readonly Endpoint[]): string {
  const lines = endpoints.map(({ address, port }, index) => {
    const priority = HOST_PREFERENCE + (endpoints.length - index) * 256 + (256 - COMPONENT);
    return `a=candidate:nearlight${index} ${COMPONENT} UDP ${priority} ${address} ${port} typ host\r\n`;
  });
  // Some page's library reads candidates only behind the credentials that they belong to.
  return sdp.replace(/^a=ice-pwd:.*\r?\n(?:a=candidate:.*\r?\n)*/m, (found) => found + lines.join(''));
}

/** This machine's address towards its default route, IPv4 if there is one; undefined without any but loopback. */
export function defaultAddress(): string | undefined {
  const interfaces = networkInterfaces();
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const usable = [...(interfaces[defaultInterface()] ?? []), ...all].filter(
    ({ internal, address }) => !internal && !address.startsWith('fe80:'),
  );
  return (usable.find(({ address }) => !isIPv6(address)) ?? usable[0])?.address;
}

/** The interface whose route has no destination (proc(5), /proc/net/route); empty without one. */
function defaultInterface(): string {
  try {
    const routes = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
    return (
      routes.map((route) => route.split('\t')).find(([, to, , , , , , mask]) => +`0x${to}${mask}` === 0)?.[0] ?? ''
    );
  } catch {
    return '';
  }
}
