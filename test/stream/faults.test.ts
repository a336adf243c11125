import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../host/base/clock.ts';
import { FaultCounts } from '../../host/base/faults.ts';
import { Chaos } from '../../host/edge/faults/chaos.ts';
import type { Fault } from '../../host/edge/faults/plan.ts';
import { eventually } from '../wait.ts';
import { type Fixture, startServer } from './fixture.ts';
import { Peer } from './peer.ts';

let chaos: Chaos;
let fixture: Fixture;
beforeEach(async () => {
  chaos = new Chaos({ clock: systemClock, counts: new FaultCounts(), log: () => {} });
  fixture = await startServer({}, { faults: chaos });
});
afterEach(() => fixture.server.close());

function inject(...faults: Partial<Fault>[]): void {
  chaos.set(faults.map((fault) => ({ place: 'requests', kind: 'cut', share: 1, seconds: 600, ms: 0, ...fault })));
}

const page = () => fetch(fixture.server.url);
const offer = () => fetch(`${fixture.server.url}whep`, { method: 'POST' });

test("requests to the players' port fail as the injected fault says, and work again afterwards", async () => {
  expect((await page()).status).toBe(200);
  inject({ kind: 'cut' });
  await expect(page()).rejects.toThrow('fetch failed');
  inject({ kind: 'error' });
  const failed = await page();
  expect([failed.status, ((await failed.json()) as { code: string }).code]).toEqual([500, 'NL_CONNECTION']);
  inject({ kind: 'latency', ms: 30 });
  const begun = performance.now();
  expect((await page()).status).toBe(200);
  // Timers of Node may fire up to a millisecond early.
  expect(performance.now() - begun).toBeGreaterThan(28);
  chaos.end('enough');
  expect((await page()).status).toBe(200);
});

test('faults of offers strike offers alone', async () => {
  inject({ place: 'offers', kind: 'error' });
  expect((await page()).status).toBe(200);
  expect((await offer()).status).toBe(500);
  chaos.end('enough');
  expect((await offer()).status).not.toBe(500);
});

test('packets to a page are lost while the fault lasts, and the connection goes on afterwards', async () => {
  const peer = new Peer();
  try {
    await peer.join(fixture.server.url);
    peer.beat();
    const struck = () => chaos.status()[0]?.struck ?? 0;
    await eventually(() => expect(peer.answers.length).toBeGreaterThan(0));
    inject({ place: 'packets', kind: 'cut' });
    // Packets that were on their way have arrived when a few later ones are lost.
    await eventually(() => expect(struck()).toBeGreaterThan(3));
    const before = peer.answers.length;
    const lost = struck();
    await eventually(() => expect(struck()).toBeGreaterThan(lost + 3));
    expect(peer.answers.length).toBe(before);
    chaos.end('enough');
    await eventually(() => expect(peer.answers.length).toBeGreaterThan(before));
  } finally {
    peer.close();
  }
});
