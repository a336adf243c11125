import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { Meters } from '../../host/observe/meters.ts';
import { type Edge, openEdge } from '../../host/play/edge.ts';
import { startHost } from '../../host/play/host.ts';
import { ownModulePath } from '../../host/play/project.ts';
import { startCentre } from '../edge/outbox/centre.ts';
import { eventOf } from '../edge/store/events.ts';
import { openTestStore, temporaryFolder } from '../edge/store/stores.ts';
import { Peer } from '../stream/peer.ts';
import { eventually } from '../wait.ts';

async function open(env: Record<string, string>, meters = new Meters()): Promise<Edge | undefined> {
  return openEdge({ config: readConfig(env), log: () => {}, meters });
}

test('without STORE_DIR there is no store, and a sink without a store is refused', async () => {
  expect(await open({})).toBeUndefined();
  await expect(open({ SINK_URL: 'http://127.0.0.1:1/' })).rejects.toThrow(
    'SINK_URL needs a store for the events that wait',
  );
});

test('with LOCAL_STORAGE=false the store works, and no file is written', async () => {
  const folder = join(temporaryFolder(), 'store');
  const memory = await open({ STORE_DIR: folder, LOCAL_STORAGE: 'false' });
  await memory?.store.addEvent(eventOf('a'));
  expect(await memory?.store.countOutbox({})).toMatchObject({ waiting: 1 });
  await memory?.close();
  expect(existsSync(folder)).toBe(false);
  // The control: with it, there is a file.
  await (await open({ STORE_DIR: folder }))?.close();
  expect(existsSync(join(folder, 'edge.db'))).toBe(true);
});

test('a result that a room sends is kept with an event, once', async () => {
  const edge = must(await open({ STORE_DIR: temporaryFolder() }), 'store');
  const result = { id: 'r1', game: 'arena', origin: 7n, tick: 120, bytes: new TextEncoder().encode('3:2') };
  for (let n = 0; n < 2; n++) edge.record(result);
  expect(await edge.store.countOutbox({})).toMatchObject({ waiting: 1 });
  const [kept] = await edge.store.getResults({ match: 'arena/7' });
  expect(kept).toMatchObject({ id: 'r1', local: false });
  expect(JSON.parse(must(kept, 'result').data)).toEqual({ game: 'arena', tick: 120, result: 'Mzoy' });
  await edge.close();
});

test('the figures tell how many events wait, for how long, and what was given up', async () => {
  const meters = new Meters();
  const edge = await open({ STORE_DIR: temporaryFolder() }, meters);
  await edge?.store.addEvent({ ...eventOf('a'), time: Date.now() - 60_000 });
  await edge?.store.addEvent({ ...eventOf('b', { local: true }), time: Date.now() });
  await edge?.tend();
  const figures = edge?.figures();
  expect(figures).toMatchObject({ waiting: 1, local: 1, refused: 0, sent: 0, held: 0 });
  expect(figures?.oldestSeconds).toBeGreaterThanOrEqual(60);
  expect(figures?.givenUp).toEqual({ traces: false, logs: false, cache: false, state: false });
  expect(meters.storeCommit.count).toBeGreaterThan(1);
  await edge?.close();
});

test.each([
  ['true', undefined],
  ['false', 'NL_OFFLINE'],
])(
  'with OFFLINE_MODE=%s and no line, the problem is %s, and events go out when the line is back',
  async (mode, code) => {
    const { store: centre } = await openTestStore();
    const { url, state } = await startCentre(centre);
    state.isCut = true;
    const edge = await open({ STORE_DIR: temporaryFolder(), OFFLINE_MODE: mode, SINK_URL: url, SYNC_INTERVAL: '1s' });
    onTestFinished(() => edge?.close());
    await edge?.store.addEvent(eventOf('a'));
    await eventually(() => expect(edge?.figures().failures).toBeGreaterThan(0));
    expect(edge?.problem()?.code).toBe(code);
    state.isCut = false;
    await eventually(() => expect(edge?.figures().sent).toBe(1));
    expect(edge?.problem()).toBeUndefined();
    expect(await centre.readInbox({ after: 0, limit: 5 })).toMatchObject([{ id: 'a' }]);
  },
);

test('a host keeps the sessions of its games, and the next host tells the centre of them', async () => {
  const { store: centre } = await openTestStore();
  const { url } = await startCentre(centre);
  const storeDir = temporaryFolder();
  const config = { ...readConfig({}), port: 0, operatorPort: 0, storeDir };
  const modules = [ownModulePath('arena')];
  const first = await startHost({ modules, config, log: () => {} });
  const peer = new Peer();
  await peer.join(first.servers.players.url, { query: '?size=320x180&fps=30' });
  // The game has let the player in when it draws.
  await eventually(() => expect(peer.pictures).toBeGreaterThan(0));
  const metrics = await (await fetch(`${first.servers.operator.url}metrics`)).text();
  expect(metrics).toContain('\nnearlight_outbox_waiting 0\n');
  expect(metrics).toContain('\nnearlight_pressure_high{fingerprint="chat"} 0\n');
  expect((await fetch(`${first.servers.operator.url}faults`)).status).toBe(403);
  peer.close();
  await first.close();
  const edge = await open({ STORE_DIR: storeDir, SINK_URL: url });
  await eventually(() => expect(edge?.figures().sent).toBe(1));
  await edge?.close();
  const [event] = await centre.readInbox({ after: 0, limit: 5 });
  expect(event?.type).toBe('nearlight.session.ended');
  expect(JSON.parse(event?.data ?? '')).toMatchObject({ game: 'arena', players: 1, reason: 'closed' });
});
