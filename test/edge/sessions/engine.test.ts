import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createAssetPack } from '../../../assets/folder.ts';
import { NearlightError } from '../../../host/base/errors.ts';
import { type SessionStore, sessionEngine } from '../../../host/edge/sessions/engine.ts';
import type { Engine, Instance, LoadOptions } from '../../../host/engine/engine.ts';
import { FakeInstance, settle } from '../../room/fake.ts';
import { openTestStore } from '../store/stores.ts';

async function load(instance: Instance, store: SessionStore, assets: Uint8Array = new Uint8Array()) {
  const lines: string[] = [];
  let time = 100;
  const engine: Engine = { name: 'javascript', load: () => Promise.resolve(instance) };
  const kept = sessionEngine(engine, { store, game: 'arena', log: (_, line) => lines.push(line), now: () => time++ });
  return { kept: await kept.load(new Uint8Array(), { assets } as LoadOptions), lines };
}

test('a session is kept from the start of a module to its end, with the number of players', async () => {
  const { store } = await openTestStore();
  const { kept } = await load(new FakeInstance(2), store);
  await kept.join(0);
  await kept.join(1);
  await kept.leave(0);
  await kept.join(0);
  await kept.close();
  const [event] = await store.readEvents({ limit: 5 });
  const id = event?.subject ?? '';
  const session = { id, game: 'arena', startedAt: 100, endedAt: 101, players: 3, reason: 'closed' };
  expect(JSON.parse(event?.data ?? '')).toEqual(session);
  expect(await store.getSession({ id })).toEqual({ ...session, local: false });
});

test("a session has the hash of its game's configuration, which is the asset config.json", async () => {
  const { store } = await openTestStore();
  const text = Buffer.from('{"map":"night"}');
  const pack = createAssetPack([
    { name: 'a', bytes: Buffer.from('other') },
    { name: 'config.json', bytes: text },
  ]);
  const { kept } = await load(new FakeInstance(2), store, pack);
  await kept.close();
  const [event] = await store.readEvents({ limit: 5 });
  const config = createHash('sha256').update(text).digest('hex');
  expect(JSON.parse(event?.data ?? '')).toMatchObject({ game: 'arena', config });
  expect(await store.getSession({ id: event?.subject ?? '' })).toMatchObject({ config });
});

test('a game goes on without a store, and the log says what is not kept', async () => {
  const fail = () => Promise.reject(new NearlightError('NL_STORE_FULL', 'the disk is full'));
  const instance = new FakeInstance(2);
  const { kept, lines } = await load(instance, { startSession: fail, countPlayers: fail, endSession: fail });
  await kept.join(0);
  await kept.tick(0);
  await kept.close();
  await settle();
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain('arena: the session is not kept completely: NL_STORE_FULL');
});
