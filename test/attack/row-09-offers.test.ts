import { afterEach, expect, it } from 'vitest';
import { Peer } from '../stream/peer.ts';
import { type Arena, startArena } from './arena.ts';
import { measure, PICTURES_MIN, probe, repeatedly, requestFrom, SEATED_MS_MAX, strangerAddress } from './players.ts';
import { operatorUrl } from './watch.ts';

/** 40 offers in 32 seconds held all ten seats. */
const OFFER_EVERY_MS = 800;
const PROBE_EVERY_MS = 2000;
const READY_EVERY_MS = 500;

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

it.each([
  ['one address', 1],
  ['many addresses', 100],
])('offers from %s that no packet follows keep no honest player out', async (_, addresses) => {
  arena = await startArena();
  const here = arena;
  const { host } = here;
  const peer = new Peer();
  const offer = await peer.offer();
  const [offers, probes, unready]: [number[], (number | string)[], number[]] = [[], [], []];
  const { before, during } = await measure(here, async () => {
    const attack = repeatedly(OFFER_EVERY_MS, async (n) => {
      const headers = { 'content-type': 'application/sdp' };
      const url = new URL('whep', host.url);
      offers.push(
        (await requestFrom(strangerAddress(n % addresses), url, { method: 'POST', headers, body: offer })).status,
      );
    });
    const honest = repeatedly(PROBE_EVERY_MS, async () => probes.push(await probe(here)));
    const ready = repeatedly(READY_EVERY_MS, async () => {
      const { status } = await fetch(new URL('readyz', operatorUrl(host)));
      if (status !== 200) unready.push(status);
    });
    await Promise.all([attack, honest, ready]);
  });
  peer.close();
  expect(offers.length).toBeGreaterThan(40);
  expect(probes.filter((result) => typeof result === 'string')).toEqual([]);
  expect(Math.max(...probes.map(Number))).toBeLessThan(SEATED_MS_MAX);
  expect(unready).toEqual([]);
  expect(during / before).toBeGreaterThan(PICTURES_MIN);
});
