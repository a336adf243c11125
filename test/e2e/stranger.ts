/**
 * Attacks a host as a stranger does, in a process of its own. Its arguments are the attack, the URL and a local address. It
 * sends its parent "begun" and, ten times a second, how many requests were answered or how many messages it has sent. It ends with
 * its parent.
 */

import { Agent, request } from 'node:http';
import { setPriority } from 'node:os';
import { WebSocket } from 'ws';
import { MESSAGE_KEY } from '../../host/base/protocol.ts';
import { Peer, pointerMessage } from '../stream/peer.ts';

const CONNECTIONS = 40;
const OFFER_PAUSE_MS = 800;
const HUGE = '?size=1920x1088&fps=120';
const TINY = '?size=64x64&fps=1';
const SEATS = 4;
const MESSAGES_PER_SECOND = 10_000;
const FLOOD_MS = 5;
/** With this many bytes that wait, the network takes no more. */
const WAITING_BYTES_MAX = 2 ** 20;
/** A player who was dismissed joins again after this time. */
const REJOIN_MS = 500;
/** A stranger's machine is another one. With the lowest priority, it takes no processor time that the host needs. */
const LOWEST_PRIORITY = 19;

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

/** Sends messages of a player for as long as `send` takes them. @returns when it takes no more */
async function flood(write: (sequence: number) => Buffer, send: (message: Buffer) => boolean): Promise<void> {
  const begun = performance.now();
  for (let sent = 0; ; await new Promise((resolve) => setTimeout(resolve, FLOOD_MS)))
    for (const due = ((performance.now() - begun) / 1000) * MESSAGES_PER_SECOND; sent < due; sent++, answered++)
      if (!send(write(sent + 1))) return;
}

const movement = (sequence: number): Buffer => pointerMessage({ sequence, dx: sequence });

function press(sequence: number): Buffer {
  const message = Buffer.of(MESSAGE_KEY, 4 + ((sequence >> 1) % 100), sequence % 2, 0, 0, 0, 0, 0);
  message.writeUInt32LE(sequence, 4);
  return message;
}

/** Plays over data channels, again and again, and sends much more than a player can. */
async function floodChannel(name: 'events' | 'state', write: (sequence: number) => Buffer): Promise<void> {
  setPriority(LOWEST_PRIORITY);
  const attack = async (): Promise<void> => {
    const peer = new Peer();
    await peer.join(url, { query: TINY });
    const channel = peer[name];
    while (!channel.isOpen()) await new Promise((resolve) => setTimeout(resolve, FLOOD_MS));
    await flood(write, (message) => {
      if (!channel.isOpen()) return false;
      if (channel.bufferedAmount() < WAITING_BYTES_MAX) channel.sendMessageBinary(message);
      return true;
    });
    peer.close();
  };
  await repeat(attack);
}

/** The same over a WebSocket. */
async function floodSocket(write: (sequence: number) => Buffer): Promise<void> {
  setPriority(LOWEST_PRIORITY);
  const attack = async (): Promise<void> => {
    const answer = await fetch(new URL(`whep/socket${TINY}`, url), { method: 'POST' });
    const place = new URL(answer.headers.get('location') ?? '', answer.url).href.replace(/^http/, 'ws');
    const socket = new WebSocket(place);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    await flood(write, (message) => {
      if (socket.readyState !== WebSocket.OPEN) return false;
      if (socket.bufferedAmount < WAITING_BYTES_MAX) socket.send(message);
      return true;
    });
    socket.terminate();
  };
  await repeat(attack);
}

/** Begins an attack, and begins it again whenever it has ended. */
async function repeat(attack: () => Promise<void>): Promise<void> {
  void (async () => {
    for (;;) {
      // The host may not let the stranger in at once.
      await attack().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, REJOIN_MS));
    }
  })();
}

const attacks: Record<string, () => Promise<void>> = {
  /** One player sends 10,000 messages per second. */
  'channel-states': () => floodChannel('state', movement),
  'channel-keys': () => floodChannel('events', press),
  'socket-states': () => floodSocket(movement),
  'socket-keys': () => floodSocket(press),
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
