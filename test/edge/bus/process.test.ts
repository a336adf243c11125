import { beforeEach, describe, expect, test } from 'vitest';
import { BusCounts, type BusMessage, type BusPort } from '../../../host/base/bus.ts';
import { ProcessBus } from '../../../host/edge/bus/process.ts';

let counts: BusCounts;
beforeEach(() => {
  counts = new BusCounts();
});

const open = (queueMax = 4) => new ProcessBus({ queueMax, counts });
const heard = (port: BusPort) => {
  const texts: string[] = [];
  for (let message = port.take(); message; message = port.take())
    texts.push(`${message.topic} ${message.bytes.join(' ')}`);
  return texts;
};

describe('the bus of a process', () => {
  test('rooms of one game hear what others send to topics that they subscribe to, and not what they send themselves', () => {
    const bus = open();
    const [a, b, c] = [bus.open('relay'), bus.open('relay'), bus.open('relay')];
    for (const port of [a, b]) port.subscribe('chat');
    c.subscribe('score');
    a.emit('chat', Uint8Array.of(1));
    b.emit('chat', Uint8Array.of(2));
    c.emit('other', Uint8Array.of(3));
    expect([heard(a), heard(b), heard(c)]).toEqual([['chat 2'], ['chat 1'], []]);
    a.emit('chat', Uint8Array.of(4));
    expect(b.take()).toEqual({ topic: 'chat', origin: a.origin, bytes: Uint8Array.of(4) });
    expect(new Set([a.origin, b.origin, c.origin]).size).toBe(3);
  });

  test('rooms of different games never hear each other', () => {
    const bus = open();
    const [a, b] = [bus.open('relay'), bus.open('chess')];
    for (const port of [a, b]) port.subscribe('chat');
    a.emit('chat', Uint8Array.of(1));
    expect(heard(b)).toEqual([]);
  });

  test('a full queue drops its oldest message and counts it', () => {
    const bus = open();
    const [a, b] = [bus.open('relay'), bus.open('relay')];
    b.subscribe('chat');
    for (let n = 0; n < 4; n++) a.emit('chat', Uint8Array.of(n));
    expect(counts.dropped.queue).toBe(0);
    a.emit('chat', Uint8Array.of(4));
    expect(counts.dropped.queue).toBe(1);
    expect(heard(b)).toEqual(['chat 1', 'chat 2', 'chat 3', 'chat 4']);
  });

  test('a room hears nothing after its subscription or the room has ended', () => {
    const bus = open();
    const [a, b] = [bus.open('relay'), bus.open('relay')];
    b.subscribe('chat');
    b.subscribe('score');
    b.unsubscribe('chat');
    a.emit('chat', Uint8Array.of(1));
    a.emit('score', Uint8Array.of(2));
    expect(heard(b)).toEqual(['score 2']);
    b.close();
    b.subscribe('score');
    a.emit('score', Uint8Array.of(3));
    expect(heard(b)).toEqual([]);
    a.subscribe('chat');
    b.emit('chat', Uint8Array.of(4));
    expect(heard(a)).toEqual([]);
  });

  test('the link to other hosts listens to a topic as long as a room does, and brings and takes messages', async () => {
    const calls: string[] = [];
    let receive: (game: string, message: BusMessage) => void = () => {};
    const bus = new ProcessBus({
      queueMax: 4,
      counts,
      link(given) {
        receive = given;
        return {
          listen: (game, topic) => void calls.push(`listen ${game} ${topic}`),
          ignore: (game, topic) => void calls.push(`ignore ${game} ${topic}`),
          publish: (game, { topic, bytes }) => void calls.push(`publish ${game} ${topic} ${bytes.join(' ')}`),
          close: async () => void calls.push('close'),
        };
      },
    });
    const [a, b] = [bus.open('relay'), bus.open('relay')];
    a.subscribe('chat');
    b.subscribe('chat');
    a.subscribe('chat');
    a.emit('chat', Uint8Array.of(1));
    receive('relay', { topic: 'chat', origin: 9n, bytes: Uint8Array.of(2) });
    receive('chess', { topic: 'chat', origin: 9n, bytes: Uint8Array.of(3) });
    expect([heard(a), heard(b)]).toEqual([['chat 2'], ['chat 1', 'chat 2']]);
    a.close();
    b.unsubscribe('chat');
    b.unsubscribe('chat');
    await bus.close();
    expect(calls).toEqual(['listen relay chat', 'publish relay chat 1', 'ignore relay chat', 'close']);
  });
});
