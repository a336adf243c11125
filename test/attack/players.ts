import { request } from 'node:http';
import { Peer } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { type Arena, QUERY } from './arena.ts';
import { countPictures } from './watch.ts';

/** How long each attack of players lasts. */
export const ATTACK_MS = 60_000;
/** How long the honest player's pictures are counted before an attack. */
const BEFORE_MS = 10_000;
/** Part of the pictures without an attack that the honest player must still get. */
export const PICTURES_MIN = 0.9;
/** Longest time from the offer of an honest player to its seat. */
export const SEATED_MS_MAX = 2000;

/** An address of this machine's loopback interface that no honest player uses, by its number. */
export const strangerAddress = (n: number) => `127.0.0.${2 + (n % 200)}`;

/** Sends a request from an address of the loopback interface. Resolves with the status and the body of the answer. */
export function requestFrom(
  localAddress: string,
  url: URL,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { localAddress, method, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Pictures per second of the honest player before and during an attack. */
export interface Measured {
  before: number;
  during: number;
}

/** Counts the honest player's pictures before an attack and while it lasts. */
export async function measure({ player }: Arena, attack: () => Promise<void>): Promise<Measured> {
  const counting = countPictures(player);
  await sleep(BEFORE_MS);
  const before = counting.stop().perSecond;
  const attacked = countPictures(player);
  await attack();
  return { before, during: attacked.stop().perSecond };
}

/** Joins as an honest player, and leaves again. Resolves with the milliseconds until the seat, or with the refusal. */
export async function probe({ host }: Arena): Promise<number | string> {
  const peer = new Peer();
  const begun = performance.now();
  try {
    await peer.join(host.url, { query: QUERY });
    return performance.now() - begun;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await peer.leave().catch(() => {});
  }
}

/** Calls `act` again and again, with `everyMs` between two calls, for the time of an attack. */
export async function repeatedly(everyMs: number, act: (n: number) => Promise<unknown>): Promise<void> {
  const end = performance.now() + ATTACK_MS;
  for (let n = 0; performance.now() < end; n++) {
    await act(n);
    await sleep(everyMs);
  }
}
