import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { UdpAddress } from './udp.ts';

/** An address at which pages reach this host. */
export interface Endpoint extends UdpAddress {
  /** Default: 'UDP'. Pages open TCP connections to this host; it opens none. */
  protocol?: 'UDP' | 'TCP';
}

/** The part of an ICE candidate's priority that says it is a local address (RFC 8445, 5.1.2.1). UDP is preferred to TCP. */
const PREFERENCE = { UDP: 126 * 2 ** 24, TCP: 90 * 2 ** 24 };
const COMPONENT = 1;
const CANDIDATE = /^a=candidate:\S+ 1 UDP \d+ (\S+) (\d+) typ host/gim;

/** Reads the addresses of an SDP's host candidates. */
export function endpointsOf(sdp: string): UdpAddress[] {
  return [...sdp.matchAll(CANDIDATE)].map(([, address = '', port]) => ({ address, port: Number(port) }));
}

/** Reads the ICE user fragment of an SDP. */
export function ufragOf(sdp: string): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1];
}

/** Reads the ICE password of an SDP. */
export function passwordOf(sdp: string): string | undefined {
  return /^a=ice-pwd:(\S+)/m.exec(sdp)?.[1];
}

/** Replaces the candidates of an SDP answer with others in its first section, the most preferred first. */
export function replaceCandidates(sdp: string, endpoints: readonly Endpoint[]): string {
  const lines = endpoints.map(({ address, port, protocol = 'UDP' }, index) => {
    const priority = PREFERENCE[protocol] + (endpoints.length - index) * 256 + (256 - COMPONENT);
    // A browser opens the TCP connection (RFC 6544, 4.5).
    const type = protocol === 'TCP' ? ' tcptype passive' : '';
    return `a=candidate:nearlight${index} ${COMPONENT} ${protocol} ${priority} ${address} ${port} typ host${type}\r\n`;
  });
  const bare = sdp.replace(/^a=candidate:.*\r?\n/gm, '');
  // Some WebRTC libraries ignore candidates that stand before their section's ICE credentials.
  return bare.replace(/^a=ice-pwd:.*\r?\n/m, (found) => found + lines.join(''));
}

/**
 * Returns this machine's address on the interface of its default route, IPv4 if there is one. Without a default route it
 * takes any interface. Undefined if the machine has only loopback and link-local addresses.
 */
export function defaultAddress(): string | undefined {
  const interfaces = networkInterfaces();
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const usable = [...(interfaces[defaultInterface()] ?? []), ...all].filter(
    ({ internal, address }) => !internal && !address.startsWith('fe80:'),
  );
  return (usable.find(({ address }) => !isIPv6(address)) ?? usable[0])?.address;
}

/** Returns the interface of the default IPv4 route (proc(5), /proc/net/route), or '' if there is none. */
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
