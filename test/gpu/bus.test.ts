import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BusRequest } from '../../host/base/bus.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { MESSAGE_BYTES_MAX, SUBSCRIPTIONS_MAX, TOPIC_LENGTH_MAX } from '../../renderer/contract/abi.ts';
import { Stream } from './document.ts';
import { fault, newReplay, openTestGpu } from './fixture.ts';

let gpu: Gpu;
let replay: CommandReplay;
let requests: BusRequest[];

beforeAll(async () => {
  gpu = await openTestGpu('null');
});
afterAll(() => gpu.close());
beforeEach(() => {
  requests = [];
  replay = newReplay(gpu.device);
});

const onBus = (request: BusRequest) => void requests.push(request);
const emit = (topic: string, length: number, words = Math.ceil(length / 4)): Stream =>
  new Stream().command('emit', {
    topic,
    byteLength: length,
    data: Array.from({ length: words }, (_, n) => 0x04030201 + n),
  });
const subscribe = (subscription: number, topic: string): Stream =>
  new Stream().command('subscribe', { subscription, topic });

describe('requests to the bus', () => {
  test('requests to the bus reach the observer of the replay in their order', () => {
    replay.observe({ onBus });
    expect(fault(replay, emit('chat', 5))).toBe('');
    expect(fault(replay, subscribe(3, 'score.red'))).toBe('');
    expect(fault(replay, new Stream().command('unsubscribe', { subscription: 3 }))).toBe('');
    expect(fault(replay, new Stream().command('receive', { token: 7, address: 4096 }))).toBe('');
    expect(fault(replay, new Stream().command('setPhase', { phase: 'active' }))).toBe('');
    expect(requests).toEqual([
      { kind: 'emit', topic: 'chat', bytes: Uint8Array.of(1, 2, 3, 4, 2) },
      { kind: 'subscribe', subscription: 3, topic: 'score.red' },
      { kind: 'unsubscribe', subscription: 3 },
      { kind: 'receive', token: 7, address: 4096 },
      { kind: 'phase', phase: 'active' },
    ]);
  });

  test('what a module asks for before there is an observer, as in init, reaches the first observer, and no second one', () => {
    expect(fault(replay, subscribe(0, 'a'))).toBe('');
    expect(fault(replay, emit('b', 0))).toBe('');
    replay.observe({ onBus });
    expect(requests.map(({ kind }) => kind)).toEqual(['subscribe', 'emit']);
    replay.observe({ onBus });
    expect(requests).toHaveLength(2);
    replay.observe({});
    expect(fault(replay, emit('b', 0))).toBe('');
    replay.observe({ onBus });
    expect(requests).toHaveLength(2);
  });

  test.each<[string, Stream]>([
    ['an empty message', emit('a', 0)],
    ['the longest message', emit('a', MESSAGE_BYTES_MAX)],
    ['the longest topic', emit('a'.repeat(TOPIC_LENGTH_MAX), 1)],
    ['a topic of several words', emit('a-z.0_9.b', 1)],
    ['the last number of a subscription', subscribe(SUBSCRIPTIONS_MAX - 1, 'a')],
    [
      '256 requests',
      Array.from({ length: 256 }).reduce<Stream>(
        (all) => all.command('unsubscribe', { subscription: 0 }),
        new Stream(),
      ),
    ],
  ])('(%s) is accepted', (_, stream) => {
    replay.observe({ onBus });
    expect(fault(replay, stream)).toBe('');
    expect(requests.length).toBeGreaterThan(0);
  });

  test.each<[string, Stream, string]>([
    ['a message that is too long', emit('a', MESSAGE_BYTES_MAX + 1), 'a message of 1025 bytes is longer than 1024'],
    ['a message with too few words', emit('a', 5, 1), '1 words do not hold 5 bytes'],
    ['a message with too many words', emit('a', 4, 2), '2 words do not hold 4 bytes'],
    ['no topic', emit('', 1), '"" is not a topic'],
    ['a topic that is too long', emit('a'.repeat(TOPIC_LENGTH_MAX + 1), 1), 'is not a topic'],
    ['a topic with a capital', emit('Chat', 1), '"Chat" is not a topic'],
    ['a topic with an empty word', emit('a..b', 1), 'is not a topic'],
    ['a topic that ends with a dot', emit('a.', 1), 'is not a topic'],
    ['a topic with a wildcard', subscribe(0, 'a.*'), 'is not a topic'],
    ['a topic with a space', subscribe(0, 'a b'), 'is not a topic'],
    ['a number of a subscription that is too high', subscribe(SUBSCRIPTIONS_MAX, 'a'), 'is not below 32'],
    [
      'the end of a subscription that cannot exist',
      new Stream().command('unsubscribe', { subscription: 32 }),
      'is not below 32',
    ],
    [
      '257 requests',
      Array.from({ length: 257 }).reduce<Stream>(
        (all) => all.command('receive', { token: 0, address: 0 }),
        new Stream(),
      ),
      'one call makes more than 256',
    ],
  ])('(%s) ends the game', (_, stream, message) => {
    replay.observe({
      onBus: ({ kind }) => kind !== 'receive' && requests.push({ kind: 'unsubscribe', subscription: 0 }),
    });
    const found = fault(replay, stream);
    expect(found).toContain('NL_COMMAND');
    expect(found).toContain(message);
    expect(requests).toEqual([]);
  });
});
