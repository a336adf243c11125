import { Agent, request } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { type Arena, startArena } from './arena.ts';
import { ATTACK_MS, measure, PICTURES_MIN, probe, SEATED_MS_MAX, strangerAddress } from './players.ts';

const CONNECTIONS = 40;
const PATHS = ['status', 'metrics'];

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

it.each(['status', 'metrics', 'healthz', 'readyz'])("/%s is not at the players' port", async (path) => {
  arena = await startArena();
  expect((await fetch(new URL(path, arena.host.url))).status).toBe(404);
});

it(`${CONNECTIONS} connections that ask for an operator's pages take no pictures from a player`, async () => {
  arena = await startArena();
  const here = arena;
  const agents = Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  let answers = 0;
  let seated: number | string = 0;
  const { before, during } = await measure(here, async () => {
    const end = performance.now() + ATTACK_MS;
    const attack = agents.map(async (agent, n) => {
      while (performance.now() < end) {
        await ask(agent, new URL(PATHS[n % 2] ?? '', here.host.url), strangerAddress(n));
        answers++;
      }
    });
    seated = await probe(here);
    await Promise.all(attack);
  });
  for (const agent of agents) agent.destroy();
  expect(answers).toBeGreaterThan(CONNECTIONS);
  expect(Number(seated)).toBeLessThan(SEATED_MS_MAX);
  expect(during / before).toBeGreaterThan(PICTURES_MIN);
});

/** Sends a request over a connection that stays open. Resolves when the answer is complete or the connection has failed. */
function ask(agent: Agent, url: URL, localAddress: string): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = request(url, { agent, localAddress }, (response) => {
      response.resume();
      response.on('close', resolve);
    });
    outgoing.on('error', () => setTimeout(resolve, 50));
    outgoing.end();
  });
}
