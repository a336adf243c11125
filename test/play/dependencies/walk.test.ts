/** Walks the table of services that a host asks: each of them dead, slow and lying, while a match runs. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { BusCounts } from '../../../host/base/bus.ts';
import { readConfig } from '../../../host/base/config.ts';
import { openGate } from '../../../host/edge/admission/gate.ts';
import type { KeyStore } from '../../../host/edge/admission/keys.ts';
import { createBus } from '../../../host/edge/bus/bus.ts';
import { TABLE } from '../../../host/edge/dependencies/table.ts';
import { createReceiver } from '../../../host/edge/outbox/receiver.ts';
import { Sender } from '../../../host/edge/outbox/sender.ts';
import { createHttpSink } from '../../../host/edge/outbox/sink.ts';
import { type EdgeStore, openStore } from '../../../host/edge/store/store.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { keysIn } from '../../../host/play/admission.ts';
import { at } from '../../at.ts';
import { NatsServer } from '../../edge/bus/nats-server.ts';
import { eventOf } from '../../edge/store/events.ts';
import { openTestStore } from '../../edge/store/stores.ts';
import { eventually, sleep } from '../../wait.ts';
import { type Fault, FaultyServer, HTML, says } from './faults.ts';
import { drive, type Node, openNode, STEP_MS } from './node.ts';
import { serveAsOpa } from './opa.ts';
import { AUDIENCE, provideTokens, type TokenProvider } from './token-provider.ts';

const KEYS_S = 3600;
const RECOVERY_MS_MAX = 10_000;
/** An attempt of a player who tries again. */
const ATTEMPT_MS = 250;

const closing: (() => unknown)[] = [];
/** Closes what the tests of one service share. */
const lasting: (() => unknown)[] = [];
let issuer: FaultyServer;
let provider: TokenProvider;
let opa: FaultyServer;
let centre: FaultyServer;
let kept: EdgeStore;
let tokens: [string, string];

beforeAll(async () => {
  [issuer, opa, centre] = await Promise.all([FaultyServer.open(), FaultyServer.open(), FaultyServer.open()]);
  provider = await provideTokens(issuer, ['ada', 'bob']);
  tokens = await Promise.all([provider.token('ada'), provider.token('bob')]);
  await serveAsOpa(opa);
  kept = await openStore({ folder: undefined, bytesMax: 2 ** 26, reserveBytes: 2 ** 18, log: () => {} });
  const receive = createReceiver(kept);
  centre.serve = (request, response) => void receive(request, response);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  for (const server of [issuer, opa, centre]) await server.mend();
});
afterAll(async () => {
  for (const close of lasting.splice(0).reverse()) await close();
  for (const server of [issuer, opa, centre]) await server?.close();
  await kept?.close();
});

function open({ usesOpa = false, keys = undefined as KeyStore | undefined } = {}, closers = closing): Promise<Node> {
  const url = usesOpa ? opa.url : undefined;
  return openNode({ issuer: issuer.url, tokens, opa: url, keys, keysSecondsMax: KEYS_S, closers });
}

/** Lets a player try again and again. Returns the milliseconds until the player is in. */
async function recoveryOf({ clock, join }: Node): Promise<number> {
  const mendedAt = clock.now();
  while ((await join()) !== 'in') {
    expect(clock.now() - mendedAt).toBeLessThan(RECOVERY_MS_MAX);
    await clock.pass(ATTEMPT_MS);
  }
  return clock.now() - mendedAt;
}

describe('the issuer of tokens', () => {
  let node: Node;
  beforeAll(async () => {
    node = await open({}, lasting);
  });

  test.each([
    ['dead', 'dead'],
    ['slow', 'slow'],
    ['lying: a page of HTML', HTML],
    ['lying: an error', says({ error: 'no' }, 500)],
    [
      'lying: the name of another issuer',
      says({ issuer: 'https://other.example', jwks_uri: 'https://other.example/' }),
    ],
  ] as [string, Fault][])(
    '%s: players come in by the keys that are known, and after their life no one new',
    async (_, fault) => {
      await issuer.break(fault);
      await node.clock.pass((KEYS_S - 10) * 1000);
      expect(await node.join()).toBe('in');
      await node.clock.pass(20_000);
      const code = await node.join();
      expect(code).toBe('NL_ISSUER');
      expect(TABLE.issuer.codes).toContain(code);
      await node.checkMatch();
      if (fault === 'dead') await node.comeBack();
      await issuer.mend();
      expect(await recoveryOf(node)).toBeLessThan(RECOVERY_MS_MAX);
    },
  );

  test('lying about its keys: tokens are not valid until it gives the right ones', async () => {
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    const wrong = { ...provider.jwk, ...(await exportJWK(publicKey)) };
    const keysUrl = `${issuer.url}/jwks`;
    await issuer.break((request, response) =>
      says(request.url === '/jwks' ? { keys: [wrong] } : { issuer: issuer.url, jwks_uri: keysUrl })(request, response),
    );
    await node.clock.pass(301_000);
    // The keys are fetched again beside this join.
    await node.join();
    const code = await eventually(async () => {
      const code = await node.join();
      expect(code).not.toBe('in');
      return code;
    });
    expect(code).toBe('NL_TOKEN');
    expect(TABLE.issuer.codes).toContain(code);
    await node.checkMatch();
    await issuer.mend();
    expect(await recoveryOf(node)).toBeLessThan(RECOVERY_MS_MAX);
  });

  test('dead when the host starts: players come in by the keys in the store, and without a store no one does', async () => {
    const keys = keysIn(kept);
    await open({ keys });
    await eventually(async () => expect(await keys.load(issuer.url)).toBeDefined());
    await issuer.break('dead');
    const node = await open({ keys });
    expect(await node.join()).toBe('in');
    await expect(open()).rejects.toThrow('NL_ISSUER');
  });
});

describe('the OPA server', () => {
  let node: Node;
  beforeAll(async () => {
    node = await open({ usesOpa: true }, lasting);
  });

  test.each([
    ['dead', 'dead'],
    ['slow', 'slow'],
    ['lying: a page of HTML', HTML],
    ['lying: an error', says({}, 500)],
    ['lying: no decision', says({})],
    ['lying: a decision that is a text', says({ result: 'yes' })],
  ] as [string, Fault][])('%s: no one new plays, others watch, and the match goes on', async (_, fault) => {
    expect(await node.join()).toBe('in');
    await opa.break(fault);
    const code = await node.join();
    expect(code).toBe('NL_POLICY_DOWN');
    expect(TABLE.opa.codes).toContain(code);
    expect(await node.join('?watch')).toBe('in');
    await node.checkMatch();
    if (fault === 'dead') await node.comeBack();
    await opa.mend();
    expect(await recoveryOf(node)).toBeLessThan(RECOVERY_MS_MAX);
  });

  test('dead under load: its breaker opens, it is left in peace, and the first join after its pause finds it back', async () => {
    const before = node.lines.length;
    await opa.break(says({}, 500));
    for (let n = 0; n < 12; n++) await node.join();
    expect([node.dependencies.opa.state, node.meters.dependencies.opa.state]).toEqual(['open', 'open']);
    const { requests } = opa;
    expect(await node.join()).toBe('NL_POLICY_DOWN');
    expect(opa.requests).toBe(requests);
    await node.checkMatch();
    await opa.mend();
    expect(await recoveryOf(node)).toBeLessThan(RECOVERY_MS_MAX);
    expect(node.dependencies.opa.state).toBe('closed');
    const lines = node.lines.slice(before).filter((line) => line.includes('the OPA server (OPA_URL)'));
    expect(lines).toEqual([
      expect.stringMatching(/^warn the OPA server \(OPA_URL\) is not asked for a moment: .*HTTP status 500/),
      ...lines.filter((line) => line.startsWith('debug')),
      'info the OPA server (OPA_URL) answers again',
    ]);
  });
});

describe('the event sink', () => {
  let node: Node;
  beforeAll(async () => {
    node = await open({}, lasting);
  });

  test.each([
    ['dead', 'dead'],
    ['slow', 'slow'],
    ['lying: a page of HTML with status 200', HTML],
    ['lying: an error', says({}, 500)],
  ] as [string, Fault][])('%s: players join, and events wait and arrive once', async (name, fault) => {
    const { store } = await openTestStore();
    const sink = createHttpSink({ url: centre.url, token: '', dependency: node.dependencies.centre });
    let sent = 0;
    const sender = new Sender({
      store,
      send: (events) => {
        sent++;
        return sink.send(events);
      },
      clock: node.clock,
      log: () => {},
      random: () => 0,
      intervalMs: 1000,
      batchMax: 10,
      eventsPerSecondMax: 1000,
    });
    closing.push(() => sender.close());
    const ids = Array.from({ length: 5 }, (_, n) => `${name} ${n}`);
    await centre.break(fault);
    for (const id of ids) await store.addEvent(eventOf(id));
    sender.start();
    await drive(
      node.clock,
      eventually(() => expect(sender.figures.isCut).toBe(true)),
    );
    // Further attempts fail, so that the pause between them has grown.
    for (let n = 0; n < 30; n++) {
      await node.clock.pass(1000);
      await sleep(1);
    }
    expect(await store.countOutbox({})).toMatchObject({ waiting: 5, refused: 0 });
    expect(await node.join()).toBe('in');
    await node.checkMatch();
    const [mendedAt, before] = [node.clock.now(), sent];
    await centre.mend();
    // The request that was on its way when the sink was mended may have brought the events.
    while (sent === before && (await store.countOutbox({})).waiting > 0) {
      expect(node.clock.now() - mendedAt).toBeLessThan(RECOVERY_MS_MAX);
      await node.clock.pass(STEP_MS);
      await sleep(30);
    }
    // The events are on their way, and the clock stands still.
    await eventually(async () => expect(await store.countOutbox({})).toMatchObject({ waiting: 0 }));
    const inbox = await kept.readInbox({ after: 0, limit: 1000 });
    expect(inbox.map(({ id }) => id).filter((id) => id.startsWith(`${name} `))).toEqual(ids);
  });
});

describe('the NATS servers', () => {
  test('dead, slow and lying: rooms of this host hear each other, and those of another host again afterwards', async () => {
    const server = new NatsServer();
    await server.start();
    closing.push(() => server.close());
    const node = await open();
    const host = () => {
      const counts = new BusCounts();
      const config = { natsUrl: server.url, busQueueMax: 10_000 };
      const bus = createBus({ config, counts, log: () => {}, dependency: node.dependencies.nats });
      closing.push(() => bus.close());
      return { counts, rooms: [bus.open('relay'), bus.open('relay')] as const };
    };
    const [here, there] = [host(), host()];
    const [sender, local] = here.rooms;
    const [remote] = there.rooms;
    for (const room of [local, remote]) room.subscribe('chat');
    const hears = (room: typeof local) =>
      eventually(() => {
        sender.emit('chat', Uint8Array.of(1));
        expect(room.take()).toBeDefined();
      });
    await hears(remote);
    const faults: Record<string, { begin(): Promise<unknown>; end(): Promise<unknown> }> = {
      dead: { begin: () => server.kill(), end: () => server.start() },
      slow: {
        begin: async () => process.kill(must(server.pid, 'process'), 'SIGSTOP'),
        end: async () => process.kill(must(server.pid, 'process'), 'SIGCONT'),
      },
      lying: await liar(server),
    };
    for (const { begin, end } of Object.values(faults)) {
      await begin();
      while (local.take());
      await hears(local);
      await node.checkMatch();
      expect(await node.join()).toBe('in');
      await end();
      while (remote.take());
      await hears(remote);
    }
    expect(TABLE.nats.codes).toEqual([]);
  });

  /** A web server at the port of the NATS server. */
  async function liar(server: NatsServer) {
    const web = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 200 OK\r\n\r\n<!doctype html><title>Sign in</title>\r\n', () => socket.destroy());
    });
    return {
      async begin() {
        await server.kill();
        web.listen(Number(new URL(server.url).port), '127.0.0.1');
        await once(web, 'listening');
      },
      async end() {
        web.close();
        await once(web, 'close');
        await server.start();
      },
    };
  }
});

test('of a thousand players who join at once, one asks the issuer for its keys, and one asks OPA for the same decision', async () => {
  const meters = new Meters();
  const config = {
    ...readConfig({}),
    admission: 'token',
    oidcIssuer: issuer.url,
    oidcAudience: AUDIENCE,
    accountJoinsPerSecondMax: 10_000,
    opaUrl: opa.url,
  };
  const [keysBefore, decisionsBefore] = [issuer.requests, opa.requests];
  const game = { id: 'test', isRunning: true, players: 1, seats: 10 };
  const gate = await openGate({ config, log: () => {}, meters, game: () => game });
  closing.push(() => gate.close());
  const token = at(tokens, 0);
  const passes = await Promise.all(Array.from({ length: 1000 }, () => gate.identify(token)));
  // The discovery document and the keys.
  expect(issuer.requests - keysBefore).toBe(2);
  await Promise.all(passes.map((pass) => gate.judge(pass, { kind: 'play', client: '192.0.2.1' })));
  expect(opa.requests - decisionsBefore).toBe(1);
  expect(meters.dependencies.opa.outcomes).toMatchObject({ ok: 1, failed: 0, full: 0 });
  expect(meters.joinDecisions.policy.get('ok')).toBe(1000);
});

test('rules limit requests for tickets and pages that come to the queue, and the page is asked to try again', async () => {
  const node = await open();
  const rule = { perSecond: 1, excess: 'reject', queueMax: 1, queueMs: 1 } as const;
  node.dependencies.endpoints.ticket.setRule(rule);
  expect(await node.join()).toBe('in');
  expect(await node.join()).toBe('NL_OFFER_RATE');
  node.dependencies.endpoints.join.setRule(rule);
  // A player who returns has no such limit.
  for (let n = 0; n < 2; n++) await node.comeBack();
  await node.clock.pass(1000);
  expect(await node.join()).toBe('in');
  expect(node.meters.endpoints.ticket).toEqual({ queued: 0, rejected: 1 });
});
