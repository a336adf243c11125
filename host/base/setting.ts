import { isIP } from 'node:net';
import { readLayers } from './layers.ts';

/** A setting of the host: its environment variable, default and bounds. */
export type Setting<T> = {
  env: string;
  default: T;
  about: string;
  min?: number;
  max?: number;
  /** Form that the value of a text setting must have. */
  form?: keyof typeof FORMS;
};

/** A network in CIDR notation, taken apart. A single address is a network of its own. */
export interface Network {
  address: string;
  prefix: number;
  family: 'ipv4' | 'ipv6';
}

/** Another host in the list of MOVE_PEERS. */
export interface PeerEntry {
  name: string;
  /** URL at which it takes messages about moves. */
  url: string;
  /** URL of its page for players. */
  pages: string;
}

/** A risk rule in the list of RISK_RULES. */
export interface RuleEntry {
  path: string;
  /** The outcome of a decision that the rule cannot make: `open` allows, `closed` refuses. */
  onFailure: 'open' | 'closed';
}

/** Each rule has processes of its own. */
const RULES_MAX = 16;
/** Each host that moves players knows all others. */
const PEERS_MAX = 64;
/** The fleet's present key and the one before it are two. */
const FLEET_KEYS_MAX = 8;
const REGIONS_MAX = 64;
const REGION_NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;
const PEER_NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;
/** A path in a sockaddr_un has at most this many bytes (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;
/** A name as in DNS, optionally with a dot before it. An IPv6 address is not a name, because it is always allowed. */
const HOST_NAME = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;
const NAME_BYTES_MAX = 253;
/** URL of a STUN server (RFC 7064) or TURN server (RFC 7065). */
const ICE_SERVER = /^(stuns?:[\w.-]+(:\d{1,5})?|turns?:([\w.-]+|\[[\da-f:]+\])(:\d{1,5})?(\?transport=(udp|tcp))?)$/i;

/** The forms that text settings can have. `text` completes the sentence "The value is not ...". */
export const FORMS = {
  admission: { text: 'open or token', fits: (text: string) => text === 'open' || text === 'token' },
  address: { text: 'an IPv4 or IPv6 address', fits: (text: string) => isIP(text) !== 0 && !text.includes('%') },
  claim: {
    text: 'the name of a claim, or names of nested claims with dots between them',
    fits: (text: string) => /^[\w:/-]{1,64}(\.[\w:/-]{1,64}){0,3}$/.test(text),
  },
  addressPattern: {
    text: 'an http or https URL with {ip}, {pod} or {node} in it, such as http://{ip}:8080/',
    fits: (text: string) => isServiceUrl(text.replaceAll(/\{(ip|pod|node)\}/g, 'x')) && /\{(ip|pod|node)\}/.test(text),
  },
  fleetKeys: {
    text: `a list of at most ${FLEET_KEYS_MAX} public keys of 43 letters and digits, as nearlight fleet --key prints them`,
    fits: (text: string) => {
      const keys = readList(text);
      return keys.length <= FLEET_KEYS_MAX && keys.every((key) => /^[\w-]{43}$/.test(key));
    },
  },
  nodeToken: {
    text: 'a secret of 16 to 512 visible characters',
    fits: (text: string) => text === '' || /^[!-~]{16,512}$/.test(text),
  },
  objectName: {
    text: 'a name as Kubernetes gives them, of lower-case letters, digits, dots and hyphens',
    fits: (text: string) => text === '' || /^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text),
  },
  podUid: {
    text: 'the id of a pod, of at most 64 letters, digits and hyphens',
    fits: (text: string) => text === '' || /^[\w-]{1,64}$/.test(text),
  },
  regions: {
    text: `a list of at most ${REGIONS_MAX} regions such as us=https://us.fleet.example/`,
    fits: (text: string) => readRegions(text) !== undefined,
  },
  duration: {
    text: 'a time from 1s to 24h, such as 60s or 5m',
    fits: (text: string) => readDuration(text) !== undefined,
  },
  url: {
    text: 'a URL such as https://centre.example/events, without a password',
    fits: (text: string) => text === '' || isPlainUrl(text),
  },
  hosts: {
    text: 'a list of host names such as play.example,.example.org, or *',
    fits: (text: string) => text === '*' || readList(text).every(isHostName),
  },
  iceServers: {
    text: 'a list of URLs such as turn:turn.example:3478?transport=udp,stun:stun.example',
    fits: (text: string) => readList(text).every((entry) => ICE_SERVER.test(entry)),
  },
  layers: {
    text: 'a list of layers of confinement (host/base/layers.ts), or none',
    fits: (text: string) => readLayers(text) !== undefined,
  },
  natsServers: {
    text: 'a list of URLs such as nats://10.0.0.1:4222 or tls://user:password@nats.example:4222',
    fits: (text: string) => text === '' || readList(text).every(isNatsServer),
  },
  networks: {
    text: 'a list of addresses and networks such as 10.0.0.1,fd00::/8',
    fits: (text: string) => readList(text).every((entry) => readNetwork(entry) !== undefined),
  },
  origins: {
    text: 'a list of origins such as https://play.example,http://10.0.0.1:8080, or *',
    fits: (text: string) => text === '*' || readList(text).every(isOrigin),
  },
  packages: {
    text: 'none, gaming, game or gaming,game',
    fits: (text: string) => text === 'none' || readList(text).every((entry) => entry === 'gaming' || entry === 'game'),
  },
  switch: { text: 'on or off', fits: (text: string) => text === 'on' || text === 'off' },
  peerName: {
    text: 'a name of lower-case letters, digits, dots and hyphens, with 63 characters at most',
    fits: (text: string) => text === '' || PEER_NAME.test(text),
  },
  peers: {
    text: `a list of at most ${PEERS_MAX} hosts such as west=http://10.0.0.2:9465/|https://west.example/`,
    fits: (text: string) => readPeers(text) !== undefined,
  },
  serviceUrl: {
    text: 'an http or https URL without a user, a query or a fragment',
    fits: isServiceUrl,
  },
  socket: {
    text: `the absolute path of a Unix socket, of at most ${SOCKET_PATH_BYTES_MAX} bytes`,
    fits: (text: string) =>
      text === '' || (/^\/[^\0]*[^\0/]$/.test(text) && Buffer.byteLength(text) <= SOCKET_PATH_BYTES_MAX),
  },
  rules: {
    text: `a list of at most ${RULES_MAX} risk rules such as closed:/etc/nearlight/velocity.wasm,open:region.wasm`,
    fits: (text: string) => readRules(text) !== undefined,
  },
  subject: {
    text: 'a subject of NATS without wildcards such as nearlight.events',
    fits: (text: string) => text === '' || /^(?=.{1,128}$)[\w-]+(\.[\w-]+)*$/.test(text),
  },
  ports: { text: 'a range of ports such as 31000-31999', fits: (text: string) => readPorts(text) !== undefined },
};

/** Parses a port range, FIRST-LAST, such as that of NODE_UDP_PORTS; undefined if the text is not one. */
export function readPorts(text: string): { first: number; last: number } | undefined {
  const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : undefined;
}

/** Parses a list of risk rules such as that of RISK_RULES; undefined if the text is not one. */
export function readRules(text: string): RuleEntry[] | undefined {
  const entries = readList(text).map((entry) => {
    const [, onFailure, path = ''] = /^(open|closed):(.+)$/.exec(entry) ?? [];
    return { path, onFailure: onFailure === 'closed' ? ('closed' as const) : ('open' as const) };
  });
  return entries.length > RULES_MAX || entries.some(({ path }) => path === '') ? undefined : entries;
}

/** Parses a list of hosts such as that of MOVE_PEERS; undefined if the text is not one, or two have the same name. */
export function readPeers(text: string): PeerEntry[] | undefined {
  const entries = readList(text).map((entry) => {
    const [, name = '', url = '', pages = ''] = /^([^=]+)=([^|]+)\|(.+)$/.exec(entry) ?? [];
    return { name, url, pages };
  });
  const isFit = ({ name, url, pages }: PeerEntry) => PEER_NAME.test(name) && isServiceUrl(url) && isServiceUrl(pages);
  const names = new Set(entries.map(({ name }) => name));
  return entries.length <= PEERS_MAX && names.size === entries.length && entries.every(isFit) ? entries : undefined;
}

/** Parses a list of fleets by their region, such as that of FLEET_REGIONS; undefined if the text is not one. */
export function readRegions(text: string): Map<string, string> | undefined {
  const entries = readList(text).map((entry) => {
    const [, name = '', url = ''] = /^([^=]+)=(.+)$/.exec(entry) ?? [];
    return [name, url] as const;
  });
  const regions = new Map(entries);
  const areFit = entries.every(([name, url]) => REGION_NAME.test(name) && isServiceUrl(url));
  return entries.length <= REGIONS_MAX && regions.size === entries.length && areFit ? regions : undefined;
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
const DURATION_MS_MAX = 24 * 3_600_000;

/** Parses a duration such as 60s or 5m into milliseconds; undefined if the text is not one of 1 s to 24 h. */
export function readDuration(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,5})([smh])$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS_MS[unit] ?? Number.NaN);
  return ms >= 1000 && ms <= DURATION_MS_MAX ? ms : undefined;
}

/** Splits a list at its commas; an empty text is an empty list. */
export function readList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((entry) => entry.trim());
}

/** Parses a network such as 10.0.0.0/8, or an address; undefined if the text is neither. */
export function readNetwork(text: string): Network | undefined {
  const [, address = '', digits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  return family === 0 || prefix > bits ? undefined : { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' };
}

function isNatsServer(text: string): boolean {
  if (!/^(nats|tls):\/\//.test(text) || !URL.canParse(text)) return false;
  const { hostname, pathname, search, hash } = new URL(text);
  return hostname !== '' && pathname === '' && search === '' && hash === '';
}

function isOrigin(text: string): boolean {
  return /^https?:/i.test(text) && URL.canParse(text) && new URL(text).origin === text.toLowerCase();
}

function isServiceUrl(text: string): boolean {
  if (!isPlainUrl(text)) return false;
  const { search, hash } = new URL(text);
  return search === '' && hash === '';
}

function isPlainUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

function isHostName(text: string): boolean {
  return text.length <= NAME_BYTES_MAX && HOST_NAME.test(text);
}
