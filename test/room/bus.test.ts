import { beforeEach, describe, expect, test } from 'vitest';
import { BusCounts, type BusMessage, type BusPort, type MatchResult } from '../../host/base/bus.ts';
import { RoomBus, type RoomBusOptions } from '../../host/room/bus.ts';
import { RECEIVES_MAX, REPLY_MESSAGE } from '../../renderer/contract/abi.ts';
import { ManualClock } from './fake.ts';

/** Takes the place of a port of the bus. */
class FakePort implements BusPort {
  readonly origin = 0xabcdef12_34567890n;
  readonly topics = new Set<string>();
  readonly emitted: string[] = [];
  readonly waiting: BusMessage[] = [];
  closed = false;
  subscribe(topic: string): void {
    this.topics.add(topic);
  }
  unsubscribe(topic: string): void {
    this.topics.delete(topic);
  }
  emit(topic: string, bytes: Uint8Array): void {
    this.emitted.push(`${topic} ${bytes.join(' ')}`);
  }
  take(): BusMessage | undefined {
    return this.waiting.shift();
  }
  close(): void {
    this.closed = true;
  }
}

let clock: ManualClock;
let port: FakePort;
let counts: BusCounts;
let log: string[];
let results: MatchResult[];
/** Everything that the module got: writes as an address and bytes, and replies. */
let got: number[][];

beforeEach(() => {
  clock = new ManualClock();
  port = new FakePort();
  counts = new BusCounts();
  log = [];
  results = [];
  got = [];
});

const open = (options: Partial<RoomBusOptions> = {}) =>
  new RoomBus({
    name: 'relay',
    clock,
    port,
    counts,
    sink: { record: (result) => void results.push(result) },
    messagesPerSecondMax: 10,
    bytesMax: 4096,
    ticks: () => 77,
    log: (level, message) => void log.push(`${level} ${message}`),
    ...options,
  });
const deliver = (bus: RoomBus) =>
  bus.deliver({
    write: (address, bytes) => void got.push([address, ...bytes]),
    reply: (record) => void got.push(Array.from(record)),
  });
const message = (topic: string, ...bytes: number[]): BusMessage => ({
  topic,
  origin: 0x1_0000_0002n,
  bytes: Uint8Array.from(bytes),
});
const emit = (bus: RoomBus, topic: string, ...bytes: number[]) =>
  bus.request({ kind: 'emit', topic, bytes: Uint8Array.from(bytes) });

describe('messages of other rooms', () => {
  test('a message is written to the memory that was given first, before its reply', () => {
    const bus = open();
    bus.request({ kind: 'subscribe', subscription: 5, topic: 'chat' });
    bus.request({ kind: 'receive', token: 8, address: 64 });
    bus.request({ kind: 'receive', token: 9, address: 96 });
    expect([...port.topics]).toEqual(['chat']);
    port.waiting.push(message('chat', 1, 2), message('chat'));
    deliver(bus);
    expect(got).toEqual([
      [64, 1, 2],
      [REPLY_MESSAGE, 8, 5, 2, 1, 2],
      [REPLY_MESSAGE, 9, 5, 2, 1, 0],
    ]);
    expect(counts.delivered).toBe(2);
  });

  test('messages wait until the module has memory for them', () => {
    const bus = open();
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'chat' });
    port.waiting.push(message('chat', 1), message('chat', 2));
    deliver(bus);
    expect([got, port.waiting.length]).toEqual([[], 2]);
    bus.request({ kind: 'receive', token: 1, address: 4 });
    deliver(bus);
    expect([got.length, port.waiting.length]).toEqual([2, 1]);
  });

  test('messages of more bytes than a tick may bring wait for the next tick', () => {
    const bus = open({ bytesMax: 10 });
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'chat' });
    for (let token = 0; token < 4; token++) bus.request({ kind: 'receive', token, address: 4 });
    for (let n = 0; n < 4; n++) port.waiting.push(message('chat', 1, 2, 3, 4, 5));
    deliver(bus);
    expect([counts.delivered, port.waiting.length]).toEqual([2, 2]);
    deliver(bus);
    expect([counts.delivered, port.waiting.length]).toEqual([4, 0]);
  });

  test('a module that gives memory more often than allowed gets no more messages than allowed', () => {
    const bus = open();
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'chat' });
    for (let token = 0; token <= RECEIVES_MAX; token++) bus.request({ kind: 'receive', token, address: 4 });
    for (let n = 0; n <= RECEIVES_MAX; n++) port.waiting.push(message('chat', n));
    deliver(bus);
    expect([counts.delivered, port.waiting.length]).toEqual([RECEIVES_MAX, 1]);
  });

  test('a message whose subscription has ended is left out and takes no memory', () => {
    const bus = open();
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'chat' });
    bus.request({ kind: 'subscribe', subscription: 1, topic: 'score' });
    bus.request({ kind: 'receive', token: 1, address: 4 });
    port.waiting.push(message('chat', 1), message('score', 2));
    bus.request({ kind: 'unsubscribe', subscription: 0 });
    expect([...port.topics]).toEqual(['score']);
    deliver(bus);
    expect(got).toEqual([
      [4, 2],
      [REPLY_MESSAGE, 1, 1, 2, 1, 1],
    ]);
  });

  test("a number's former subscription ends when it gets another topic", () => {
    const bus = open();
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'a' });
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'b' });
    expect([...port.topics]).toEqual(['b']);
  });

  test('a module that takes the place of another one has no subscriptions and no memory, and the phase stays', () => {
    const bus = open();
    bus.request({ kind: 'phase', phase: 'active' });
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'chat' });
    bus.request({ kind: 'receive', token: 1, address: 4 });
    bus.drop();
    expect([port.topics.size, bus.phase]).toEqual([0, 'active']);
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'chat' });
    port.waiting.push(message('chat', 1));
    deliver(bus);
    expect(got).toEqual([]);
  });
});

describe('messages to other rooms', () => {
  test('a room sends as many messages at once and in a second as it may, and its author learns what is dropped', async () => {
    const bus = open();
    for (let n = 0; n < 12; n++) emit(bus, 'chat', n);
    expect(port.emitted).toHaveLength(10);
    expect(log).toEqual([
      expect.stringMatching(
        /^warn relay: NL_BUS_RATE: .*1 were dropped.*"chat".*10 in a second \(limit: BUS_MESSAGES_PER_SECOND_MAX\)/,
      ),
    ]);
    await clock.pass(100);
    emit(bus, 'chat', 12);
    emit(bus, 'chat', 13);
    expect(port.emitted.at(-1)).toBe('chat 12');
    expect([counts.emitted, counts.dropped.rate, log.length]).toEqual([11, 3, 1]);
    await clock.pass(10_000);
    for (let n = 0; n < 11; n++) emit(bus, 'chat', n);
    expect([counts.emitted, log.length]).toEqual([21, 2]);
    expect(log[1]).toContain('3 were dropped');
  });

  test('results are kept as well as sent, and have a limit of their own', async () => {
    const bus = open();
    for (let n = 0; n < 12; n++) emit(bus, 'chat', n);
    for (let n = 0; n < 17; n++) emit(bus, 'result', n);
    expect(results).toHaveLength(16);
    expect(results[1]).toEqual({
      id: 'abcdef1234567890-1',
      game: 'relay',
      origin: port.origin,
      tick: 77,
      bytes: Uint8Array.of(1),
    });
    expect(port.emitted.at(-1)).toBe('result 15');
    await clock.pass(1000);
    emit(bus, 'result', 99);
    emit(bus, 'result', 100);
    expect(results.at(-1)).toMatchObject({ id: 'abcdef1234567890-16', bytes: Uint8Array.of(99) });
    expect(results).toHaveLength(17);
  });

  test('a result that cannot be kept is counted and logged, and the match goes on', () => {
    const bus = open({
      sink: {
        record() {
          throw new Error('the disk is full');
        },
      },
    });
    emit(bus, 'result', 1);
    expect(counts.resultsLost).toBe(1);
    expect(log).toEqual(['error relay: the result abcdef1234567890-0 is lost: the disk is full']);
    expect(port.emitted).toEqual(['result 1']);
  });

  test('without a bus, a room sends to no one and hears no one', () => {
    const bus = open({ port: undefined });
    emit(bus, 'result', 1);
    bus.request({ kind: 'subscribe', subscription: 0, topic: 'chat' });
    bus.request({ kind: 'receive', token: 1, address: 4 });
    deliver(bus);
    bus.close();
    expect([got, results]).toEqual([[], []]);
  });
});
