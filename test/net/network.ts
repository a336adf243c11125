import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The programs that a network needs, and the Debian packages that have them. */
const PROGRAMS = { ip: 'iproute2', tc: 'iproute2', nft: 'nftables', nsenter: 'util-linux' };

/** Returns why networks cannot be made on this machine, or undefined if they can. */
export function networkFault(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = Object.entries(PROGRAMS).filter(([name]) => spawnSync('which', [name]).status !== 0);
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  return `${missing.map(([name]) => name).join(', ')} missing; install with: apt-get install --no-install-recommends ${packages}`;
}

/** Addresses of the ends and of the router between them. They are the same in all networks, which know nothing of each other. */
const HOST = '10.77.1.2';
const HOST_ROUTER = '10.77.1.1';
const PAGE = '10.77.2.2';
const PAGE_ROUTER = '10.77.2.1';

/** Rules of the router. `cut` is empty while the line is up, `doors` drops what may never pass, and `loss` drops at random. */
const RULES = `table ip nearlight {
  chain cut { type filter hook forward priority 0; }
  chain doors { type filter hook forward priority 1; }
  chain loss { type filter hook forward priority 2; }
}`;

let count = 0;

/**
 * Two machines and a router between them, as network namespaces of this machine (ip-netns(8)). The router drops packets of every
 * protocol, so what the ends see is a dead or narrow line and not a closed connection. Needs root; networkFault() says what else.
 */
export class Network {
  /** Address of the machine on which the host runs. */
  readonly hostAddress = HOST;
  /** Address at which this machine, and not the page's, reaches the host. */
  readonly operatorAddress: string;
  /** Address of this machine as the host sees it. */
  readonly ownAddress: string;
  readonly #names: { host: string; router: string; page: string };
  readonly #folder: string;
  /** A shell on the router that runs nft with each line that it reads, so that rules change without the start of several programs. */
  #router: ChildProcess | undefined;

  private constructor() {
    const prefix = `nl${process.pid}-${++count}`;
    this.#names = { host: `${prefix}-host`, router: `${prefix}-router`, page: `${prefix}-page` };
    this.#folder = mkdtempSync(join(tmpdir(), 'nearlight-network-'));
    const subnet = `10.${64 + ((process.pid >> 8) & 63)}.${process.pid & 255}`;
    this.ownAddress = `${subnet}.${4 * count + 1}`;
    this.operatorAddress = `${subnet}.${4 * count + 2}`;
  }

  /** @throws Error if this machine cannot make networks */
  static open(): Network {
    const fault = networkFault();
    if (fault !== undefined) throw new Error(fault);
    const network = new Network();
    try {
      network.#build();
    } catch (error) {
      network.close();
      throw error;
    }
    return network;
  }

  /** Returns the words that start a command on the host's machine. */
  get onHost(): string[] {
    return enter(this.#names.host);
  }

  /** Returns the words that start a command on the page's machine. */
  get onPage(): string[] {
    return enter(this.#names.page);
  }

  /**
   * Makes a program that starts another one on the page's machine, such as a browser.
   * @returns its path, and that of a file to which it writes its process id
   */
  pageProgram(program: string): { program: string; pidFile: string } {
    const path = join(this.#folder, `page-${program.replaceAll('/', '-')}`);
    const pidFile = `${path}.pid`;
    writeFileSync(path, `#!/bin/sh\necho $$ > ${pidFile}\nexec ${this.onPage.join(' ')} ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return { program: path, pidFile };
  }

  /** Drops every packet from now on. */
  cut(): Promise<void> {
    return this.#rule('add rule ip nearlight cut drop');
  }

  /** Lets packets pass again. */
  mend(): Promise<void> {
    return this.#rule('flush chain ip nearlight cut');
  }

  /** Lets no UDP pass, as some networks do for good. */
  refuseUdp(): Promise<void> {
    return this.#rule('add rule ip nearlight doors meta l4proto udp drop');
  }

  /** Loses this many of 1,000 packets at random, in each direction. */
  lose(perMille: number): Promise<void> {
    return this.#rule(`add rule ip nearlight loss numgen random mod 1000 < ${perMille} drop`);
  }

  /** Lets the line to the page carry this much, with a queue in front of it that holds what comes in `queueMs`. */
  async limit(bitsPerSecond: number, queueMs: number): Promise<void> {
    const rate = ['tbf', 'rate', `${bitsPerSecond}bit`, 'burst', '3000', 'latency', `${queueMs}ms`];
    await run(...command([...enter(this.#names.router), 'tc', 'qdisc', 'replace', 'dev', 'page', 'root', ...rate]));
  }

  /** Removes the network. Programs that still run in it see no other machine any more. */
  close(): void {
    this.#router?.kill();
    for (const name of Object.values(this.#names)) spawnSync('ip', ['netns', 'delete', name]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #build(): void {
    const { host, router, page } = this.#names;
    for (const name of [host, router, page]) {
      ip(`netns add ${name}`);
      ip(`-n ${name} link set lo up`);
    }
    ip(`link add host netns ${router} type veth peer name router netns ${host}`);
    ip(`link add page netns ${router} type veth peer name router netns ${page}`);
    const ends: [string, string, string][] = [
      [host, 'router', HOST],
      [page, 'router', PAGE],
      [router, 'host', HOST_ROUTER],
      [router, 'page', PAGE_ROUTER],
    ];
    for (const [name, link, address] of ends) {
      ip(`-n ${name} addr add ${address}/24 dev ${link}`);
      // Without this, one packet of the router would be many of TCP.
      ip(`-n ${name} link set ${link} up gso_max_segs 1`);
    }
    ip(`-n ${host} route add default via ${HOST_ROUTER}`);
    ip(`-n ${page} route add default via ${PAGE_ROUTER}`);
    const own = `${host.slice(0, -'-host'.length)}`;
    ip(`link add ${own} type veth peer name operator netns ${host}`);
    ip(`addr add ${this.ownAddress}/30 dev ${own}`);
    ip(`link set ${own} up`);
    ip(`-n ${host} addr add ${this.operatorAddress}/30 dev operator`);
    ip(`-n ${host} link set operator up`);
    const inRouter = enter(router);
    execFileSync(...command([...inRouter, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']));
    execFileSync(...command([...inRouter, 'nft', RULES]));
  }

  async #rule(rule: string): Promise<void> {
    const { stdin, stdout } = this.#shell;
    const answered = once(stdout, 'data');
    stdin.write(`${rule}\n`);
    const [answer] = (await answered) as [Buffer];
    if (String(answer) !== 'done\n') throw new Error(`nft refuses "${rule}": ${answer}`);
  }

  get #shell() {
    const loop = 'while read -r rule; do nft "$rule" 2>&1 && echo done; done';
    const shell = this.#router ?? spawn(...command([...enter(this.#names.router), 'sh', '-c', loop]));
    this.#router = shell;
    const { stdin, stdout } = shell;
    if (!stdin || !stdout) throw new Error('the shell has no pipes');
    return { stdin, stdout };
  }
}

function enter(name: string): string[] {
  return ['nsenter', `--net=/run/netns/${name}`];
}

function command([program = '', ...args]: string[]): [string, string[]] {
  return [program, args];
}

function ip(words: string): void {
  execFileSync('ip', words.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}
