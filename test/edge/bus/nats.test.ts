import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BusCounts, type BusPort } from '../../../host/base/bus.ts';
import { createBus } from '../../../host/edge/bus/bus.ts';
import { NatsLink } from '../../../host/edge/bus/nats.ts';
import { ProcessBus } from '../../../host/edge/bus/process.ts';
import { service } from '../dependencies/services.ts';
import { NatsServer } from './nats-server.ts';

let server: NatsServer;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = new NatsServer();
  await server.start();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((part) => part.close()));
  await server.close();
});

/** A host with a room, connected to the server. */
function host({ url = server.url, game = 'relay' } = {}) {
  const counts = new BusCounts();
  const log: string[] = [];
  const dependency = service('nats');
  let link: NatsLink | undefined;
  const bus = new ProcessBus({
    queueMax: 1000,
    counts,
    link(receive) {
      link = new NatsLink({
        url,
        counts,
        receive,
        log: (level, message) => void log.push(`${level} ${message}`),
        dependency,
      });
      return link;
    },
  });
  open.push(bus);
  const up = (isUp = true) => expect.poll(() => link?.isUp).toBe(isUp);
  return { bus, counts, log, dependency, port: bus.open(game), up };
}

/** Sends messages until one arrives, because a subscription takes a moment to reach other servers' clients. */
async function untilHeard(from: BusPort, to: BusPort): Promise<void> {
  await expect
    .poll(() => {
      from.emit('chat', Uint8Array.of(0));
      return to.take() !== undefined;
    })
    .toBe(true);
  // The last of these messages may still be under way.
  from.emit('chat', Uint8Array.of(255));
  await expect
    .poll(() => {
      for (let next = to.take(); next; next = to.take()) if (next.bytes[0] === 255) return true;
      return false;
    })
    .toBe(true);
}

describe('rooms of two hosts over NATS', () => {
  test('hear each other in order, with the number of the sender, and only their own game', async () => {
    const [a, b, other] = [host(), host(), host({ game: 'chess' })];
    b.port.subscribe('chat');
    other.port.subscribe('chat');
    await Promise.all([a.up(), b.up(), other.up()]);
    await untilHeard(a.port, b.port);
    for (let n = 0; n < 200; n++) a.port.emit('chat', Uint8Array.of(n));
    const heard: number[] = [];
    await expect
      .poll(() => {
        for (let next = b.port.take(); next; next = b.port.take()) {
          heard.push(next.bytes[0] ?? -1);
          expect([next.topic, next.origin]).toEqual(['chat', a.port.origin]);
        }
        return heard.length;
      })
      .toBe(200);
    expect(heard).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect([other.port.take(), a.port.take()]).toEqual([undefined, undefined]);
    expect(Object.values(a.counts.dropped)).toEqual([0, 0, 0, 0, 0]);
  });

  test('two rooms of one host that share a topic each get a message of another host once', async () => {
    const [a, b] = [host(), host()];
    const second = b.bus.open('relay');
    b.port.subscribe('chat');
    second.subscribe('chat');
    await Promise.all([a.up(), b.up()]);
    await untilHeard(a.port, b.port);
    while (second.take());
    a.port.emit('chat', Uint8Array.of(1));
    await expect.poll(() => second.take()?.bytes[0]).toBe(1);
    expect([b.port.take()?.bytes[0], b.port.take(), second.take()]).toEqual([1, undefined, undefined]);
    second.emit('chat', Uint8Array.of(2));
    expect(b.port.take()?.bytes[0]).toBe(2);
    await untilHeard(a.port, b.port);
    expect(b.port.take()).toBeUndefined();
  });

  test('a server that is killed stops no room; messages are dropped and counted until it is back, then rooms hear each other again', async () => {
    const [a, b] = [host(), host()];
    b.port.subscribe('chat');
    await Promise.all([a.up(), b.up()]);
    await untilHeard(a.port, b.port);
    await server.kill();
    await Promise.all([a.up(false), b.up(false)]);
    expect(a.dependency.state).toBe('open');
    const local = b.bus.open('relay');
    const before = a.counts.dropped.offline;
    a.port.emit('chat', Uint8Array.of(1));
    expect(a.counts.dropped.offline).toBe(before + 1);
    local.emit('chat', Uint8Array.of(2));
    expect(b.port.take()?.bytes[0]).toBe(2);
    // A subscription that is made meanwhile counts as well.
    b.port.subscribe('score');
    await server.start();
    await Promise.all([a.up(), b.up()]);
    expect(a.dependency.state).toBe('closed');
    await untilHeard(a.port, b.port);
    a.port.emit('score', Uint8Array.of(3));
    await expect.poll(() => b.port.take()?.topic).toBe('score');
    expect(a.log.map((line) => line.replace(/127[\d.]*:\d+/, 'SERVER'))).toEqual([
      'info NATS at SERVER: connected',
      'warn NATS at SERVER: the connection is lost; rooms hear only those of this host until it is back',
      'info NATS at SERVER: connected again',
    ]);
  });

  test('a host whose server does not answer when it starts connects as soon as it does, and says once that it cannot', async () => {
    await server.kill();
    const [a, b] = [host(), host()];
    b.port.subscribe('chat');
    await expect.poll(() => a.log.length).toBe(1);
    expect(a.log[0]).toMatch(/^warn NATS at 127\.0\.0\.1:\d+ cannot be reached and is tried again: /);
    await server.start();
    await Promise.all([a.up(), b.up()]);
    await untilHeard(a.port, b.port);
    expect(a.log).toHaveLength(2);
  });

  test('a server that stops reading gets no more than a bounded number of bytes', async () => {
    const a = host();
    await a.up();
    process.kill(server.pid ?? 0, 'SIGSTOP');
    try {
      const message = new Uint8Array(1024);
      for (let n = 0; n < 2000; n++) a.port.emit('chat', message);
      expect(a.counts.dropped.slow).toBeGreaterThan(900);
      expect(a.counts.dropped.slow).toBeLessThan(1000);
    } finally {
      process.kill(server.pid ?? 0, 'SIGCONT');
    }
    await expect
      .poll(() => {
        const { slow } = a.counts.dropped;
        a.port.emit('chat', new Uint8Array(1024));
        return a.counts.dropped.slow === slow;
      })
      .toBe(true);
  });

  test('what is not a message is dropped and counted', async () => {
    const [a, b] = [host(), host()];
    b.port.subscribe('chat');
    await Promise.all([a.up(), b.up()]);
    await untilHeard(a.port, b.port);
    const { connect } = await import('@nats-io/transport-node');
    const stranger = await connect({ servers: server.url.replace('nats://', '') });
    for (const bytes of [0, 8, 1034]) stranger.publish('nearlight.relay.chat', new Uint8Array(bytes).fill(1));
    stranger.publish('nearlight.relay.chat', Uint8Array.of(1, 9, 0, 0, 0, 0, 0, 0, 0, 7));
    await stranger.flush();
    await stranger.close();
    await expect.poll(() => b.port.take()).toEqual({ topic: 'chat', origin: 9n, bytes: Uint8Array.of(7) });
    expect(b.counts.dropped.malformed).toBe(3);
  });
});

describe('the bus that the settings name', () => {
  test('a user and a password in the URL reach the server, and not the log', async () => {
    await server.close();
    server = new NatsServer('--user', 'room', '--pass', 'p@ss');
    await server.start();
    const { port } = new URL(server.url);
    const counts = new BusCounts();
    const log: string[] = [];
    const bus = createBus({
      config: { natsUrl: `nats://room:p%40ss@127.0.0.1:${port}`, busQueueMax: 4 },
      counts,
      log: (level, message) => void log.push(`${level} ${message}`),
      dependency: service('nats'),
    });
    open.push(bus);
    await expect.poll(() => log).toEqual([`info NATS at 127.0.0.1:${port}: connected`]);
    const wrong: string[] = [];
    const refused = createBus({
      config: { natsUrl: `nats://room:secret@127.0.0.1:${port}`, busQueueMax: 4 },
      counts,
      log: (level, message) => void wrong.push(`${level} ${message}`),
      dependency: service('nats'),
    });
    open.push(refused);
    await expect.poll(() => wrong.length).toBe(1);
    expect(wrong[0]).toMatch(/Authorization/i);
    expect([...log, ...wrong].join()).not.toMatch(/p@ss|secret/);
  });

  test('without NATS_URL, rooms of one process hear each other', async () => {
    const bus = createBus({
      config: { natsUrl: '', busQueueMax: 4 },
      counts: new BusCounts(),
      log: () => {},
      dependency: service('nats'),
    });
    const [a, b] = [bus.open('relay'), bus.open('relay')];
    b.subscribe('chat');
    a.emit('chat', Uint8Array.of(1));
    expect(b.take()?.bytes[0]).toBe(1);
    await bus.close();
  });
});
