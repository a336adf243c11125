import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { NearlightError } from '../base/errors.ts';
import { readList } from '../base/setting.ts';

/**
 * The host names under which this host serves requests. Other names are refused: a stranger's name that was made to point to
 * this machine (DNS rebinding) would let a page of the stranger's site read the answers.
 */
export class AllowedHosts {
  readonly #names: ReadonlySet<string>;
  readonly #suffixes: readonly string[];
  readonly #any: boolean;

  /** @param allowed the setting ALLOWED_HOSTS */
  constructor(allowed: string) {
    const entries = readList(allowed.toLowerCase());
    this.#any = entries.includes('*');
    this.#suffixes = entries.filter((entry) => entry.startsWith('.'));
    this.#names = new Set(['localhost', hostname().toLowerCase(), ...entries]);
  }

  /** Tells whether a host, with or without a port, is an IP address or an allowed name. */
  allows(host: string): boolean {
    if (this.#any) return true;
    const name = nameOf(host);
    if (name === undefined) return false;
    if (isIP(name) !== 0 || this.#names.has(name) || name.endsWith('.localhost')) return true;
    return this.#suffixes.some((suffix) => name.endsWith(suffix) || name === suffix.slice(1));
  }

  /**
   * Checks the host of a request's URL and header. The origin of a page that sends an offer must be the same (checkOrigin).
   * @throws NearlightError NL_HOST
   */
  check(request: IncomingMessage, target: URL): void {
    const { host } = request.headers;
    const named = [host ?? '', ...(target.host === NO_HOST ? [] : [target.host])];
    const refused = named.find((name) => !this.allows(name));
    if (refused === undefined) return;
    const name = nameOf(refused)?.slice(0, NAME_SHOWN_MAX) ?? '';
    throw new NearlightError('NL_HOST', `"${name}"; use this server's address, or add the name to ALLOWED_HOSTS`);
  }
}

const NAME_SHOWN_MAX = 100;
/** Stands for the host in the URL of a request whose target is only a path. */
const NO_HOST = 'nearlight.invalid';

/**
 * Parses the target of a request (RFC 9112, 3.2).
 * @throws NearlightError NL_REQUEST
 */
export function readTarget(target: string): URL {
  const url = target.startsWith('/') ? `http://${NO_HOST}${target}` : target;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw new NearlightError('NL_REQUEST', 'the target of the request is not a path or a URL');
  return new URL(url);
}

/** Returns the host without its port, in lower case, an IPv6 address without brackets; undefined if it is not a host. */
function nameOf(host: string): string | undefined {
  if (host === '' || /[\s/?#@\\]/.test(host) || !URL.canParse(`http://${host}`)) return undefined;
  return new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
