import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import type { HostProcess } from '../e2e/host.ts';
import { descendants } from '../process-tree.ts';
import type { Peer } from '../stream/peer.ts';
import { sleep } from '../wait.ts';

const PAGE_BYTES = 4096;
const SAMPLE_MS = 25;
/** Connections that ask in turns, so that each asks less than four times a second. */
const CONNECTIONS = 12;

/** The URL under which a host answers an operator: that of a port of its own if it prints one, else the players'. */
export function operatorUrl(host: HostProcess): string {
  return /Status and metrics at (\S+?)status/.exec(host.output())?.[1] ?? host.url;
}

/** The longest time in which /healthz has answered, and how often it was asked. */
export interface Health {
  maxMs: number;
  samples: number;
  /** Answers other than 200, and requests without an answer. */
  failures: number;
}

/**
 * Asks /healthz again and again until `stop` is called, which resolves with the longest time of an answer. It takes turns on
 * several connections, because the host paces the requests of each.
 */
export function sampleHealth(host: HostProcess): { stop(): Promise<Health> } {
  const url = new URL('healthz', operatorUrl(host));
  const agents = agentsOf(host);
  const health: Health = { maxMs: 0, samples: 0, failures: 0 };
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      const begun = performance.now();
      const status = await statusOf(url, agents[health.samples % CONNECTIONS]);
      health.maxMs = Math.max(health.maxMs, performance.now() - begun);
      health.samples++;
      if (status !== 200) health.failures++;
      await sleep(SAMPLE_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
      return health;
    },
  };
}

const agents = new WeakMap<HostProcess, Agent[]>();

/** The connections to a host, which are the same for all samples. */
function agentsOf(host: HostProcess): Agent[] {
  const known = agents.get(host);
  if (known) return known;
  const opened = Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  agents.set(host, opened);
  return opened;
}

/** Resolves with the status of the answer; undefined if there is none. */
function statusOf(url: URL, agent: Agent | undefined): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    request.on('error', () => resolve(undefined));
  });
}

/** The pictures that a player got, and the longest time without one. */
export interface Pictures {
  count: number;
  seconds: number;
  perSecond: number;
  gapMs: number;
}

/** Counts the pictures of a player until `stop` is called. */
export function countPictures(peer: Peer): { stop(): Pictures } {
  const begun = performance.now();
  const first = peer.pictures;
  let last = first;
  let lastAt = begun;
  let gapMs = 0;
  const look = () => {
    const now = performance.now();
    const { pictures } = peer;
    gapMs = Math.max(gapMs, now - lastAt);
    if (pictures === last) return;
    last = pictures;
    lastAt = now;
  };
  const timer = setInterval(look, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      look();
      const seconds = (performance.now() - begun) / 1000;
      const count = last - first;
      return { count, seconds, perSecond: count / seconds, gapMs };
    },
  };
}

/** Resident bytes of a process and all below it. Shared pages count for each process. */
export function residentBytes(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, one) => {
    try {
      return sum + Number(readFileSync(`/proc/${one}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
    } catch {
      return sum;
    }
  }, 0);
}

/**
 * Watches the memory of a process and of all below it until `stop` is called, and kills the process if they have more than
 * `bytesMax`, so that an attack that succeeds does not take the memory of this machine.
 */
export function guardMemory(pid: number, bytesMax: number): { stop(): { peakBytes: number; killed: boolean } } {
  let peakBytes = 0;
  let killed = false;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(pid));
    if (peakBytes <= bytesMax || killed) return;
    killed = true;
    for (const one of [...descendants(pid), pid]) {
      try {
        process.kill(one, 'SIGKILL');
      } catch {
        // The process has ended.
      }
    }
  }, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      return { peakBytes, killed };
    },
  };
}
