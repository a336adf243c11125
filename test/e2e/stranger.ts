/**
 * Attacks a host as a stranger does, in a process of its own. Its arguments are the attack, the URL and a local address. It
 * sends its parent "begun" and, ten times a second, how many requests were answered. It ends with its parent.
 */

import { Agent, request } from 'node:http';
import { Peer } from '../stream/peer.ts';

const CONNECTIONS = 40;
const OFFER_PAUSE_MS = 800;
const HUGE = '?size=1920x1088&fps=120';
const SEATS = 4;

const [attack = '', url = '', localAddress = '127.0.0.1'] = process.argv.slice(2);
let answered = 0;

/** Sends one request. Resolves when it was answered or has failed. */
function ask(path: string, agent: Agent, body?: string): Promise<void> {
  return new Promise((resolve) => {
    const method = body === undefined ? 'GET' : 'POST';
    const headers = body === undefined ? {} : { 'content-type': 'application/sdp' };
    const call = request(new URL(path, url), { agent, method, headers, localAddress }, (response) => {
      response.resume();
      response.on('close', resolve);
      answered++;
    });
    call.on('error', () => resolve());
    call.end(body);
  });
}

/** Asks for a path again and again on many connections at once, each of which stays open. */
function hammer(paths: string[], body?: string): void {
  for (let index = 0; index < CONNECTIONS; index++) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    void (async () => {
      for (let turn = index; ; turn++) {
        await ask(paths[turn % paths.length] ?? '', agent, body);
        // A refused connection must not make this process busy.
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
  }
}

const attacks: Record<string, () => Promise<void>> = {
  /** Sends offers without a packet, 40 in 32 s. */
  async offers() {
    const body = await new Peer().offer();
    const agent = new Agent();
    void (async () => {
      for (;;) {
        await ask('whep', agent, body);
        await new Promise((resolve) => setTimeout(resolve, OFFER_PAUSE_MS));
      }
    })();
  },
  /** Sends offers without a packet as fast as it can. */
  async 'offer-flood'() {
    hammer(['whep'], await new Peer().offer());
  },
  async requests() {
    hammer(['status', 'metrics', '', 'player.js']);
  },
  /** Takes four seats with the largest pictures at the highest rate. */
  async pixels() {
    for (let seat = 0; seat < SEATS; seat++) await new Peer().join(url, { query: HUGE });
  },
};

process.on('disconnect', () => process.exit());
await attacks[attack]?.();
process.send?.('begun');
setInterval(() => process.send?.(answered), 100);
