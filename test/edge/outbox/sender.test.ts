import { expect, onTestFinished, test } from 'vitest';
import { Sender, type SenderOptions } from '../../../host/edge/outbox/sender.ts';
import type { Outcome } from '../../../host/edge/outbox/sink.ts';
import type { SendableEvent } from '../../../host/edge/store/outbox.ts';
import { ManualClock } from '../../room/fake.ts';

/** An outbox in memory. test/edge/outbox/wire.test.ts has the same sender with a real store and a real sink. */
class Outbox {
  events: SendableEvent[] = [];
  readonly refused: number[] = [];

  add(count: number): void {
    for (let n = 0; n < count; n++) {
      const sequence = (this.events.at(-1)?.sequence ?? 0) + 1;
      const texts = { id: `e${sequence}`, source: 's', type: 't', subject: 'm' };
      this.events.push({ sequence, ...texts, time: 0, data: '{}' });
    }
  }

  readEvents({ limit }: { limit: number }): Promise<SendableEvent[]> {
    return Promise.resolve(this.events.slice(0, limit));
  }

  removeEvents({ sequences }: { sequences: number[] }): Promise<void> {
    this.events = this.events.filter(({ sequence }) => !sequences.includes(sequence));
    return Promise.resolve();
  }

  refuseEvent({ sequence }: { sequence: number }): Promise<void> {
    this.refused.push(sequence);
    return this.removeEvents({ sequences: [sequence] });
  }
}

function setUp(options: Partial<SenderOptions> = {}) {
  const clock = new ManualClock();
  const outbox = new Outbox();
  const requests: { at: number; ids: string[] }[] = [];
  const lines: string[] = [];
  const sink = { answer: (_events: readonly SendableEvent[]): Outcome => ({ kind: 'accepted' }) };
  const sender = new Sender({
    store: outbox,
    send: (events) => {
      requests.push({ at: clock.now(), ids: events.map(({ id }) => id) });
      return Promise.resolve(sink.answer(events));
    },
    clock,
    log: (level, message) => lines.push(`${level}: ${message}`),
    random: () => 0,
    intervalMs: 60_000,
    batchMax: 10,
    eventsPerSecondMax: 1000,
    ...options,
  });
  onTestFinished(() => sender.close());
  return { clock, outbox, requests, lines, sink, sender };
}

test('events that wait are sent in batches, the oldest first, and then every interval', async () => {
  const { clock, outbox, requests, sender } = setUp();
  outbox.add(25);
  sender.start();
  await clock.pass(1000);
  expect(requests.map(({ ids }) => ids.length)).toEqual([10, 10, 5]);
  expect(requests.flatMap(({ ids }) => ids)).toEqual(Array.from({ length: 25 }, (_, n) => `e${n + 1}`));
  expect(outbox.events).toEqual([]);
  outbox.add(1);
  await clock.pass(58_000);
  expect(requests).toHaveLength(3);
  await clock.pass(2000);
  expect(requests).toHaveLength(4);
  expect(sender.figures).toEqual({ sent: 26, failures: 0, refused: 0, isCut: false });
});

test('the nodes of a fleet that start together begin at different times', async () => {
  const { clock, outbox, requests, sender } = setUp({ random: () => 0.75 });
  outbox.add(1);
  sender.start();
  await clock.pass(1499);
  expect(requests).toEqual([]);
  await clock.pass(1);
  expect(requests).toMatchObject([{ at: 1500 }]);
});

test('after a failure, the same events are tried again after pauses that double up to a limit', async () => {
  const { clock, outbox, requests, lines, sink, sender } = setUp();
  sink.answer = () => ({ kind: 'failed', reason: 'the line is cut' });
  outbox.add(3);
  sender.start();
  await clock.pass(30_000);
  const pauses = requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0));
  expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000]);
  expect(new Set(requests.map(({ ids }) => ids.join()))).toEqual(new Set(['e1,e2,e3']));
  expect(sender.figures).toMatchObject({ sent: 0, failures: 11, isCut: true });
  sink.answer = () => ({ kind: 'accepted' });
  await clock.pass(4000);
  expect(outbox.events).toEqual([]);
  expect(sender.figures).toMatchObject({ sent: 3, isCut: false });
  expect(lines).toEqual([
    'warn: the event sink cannot be reached, and events wait in the store: the line is cut',
    'info: the event sink answers again',
  ]);
});

test('half of a pause is random', async () => {
  const { clock, outbox, sink, sender } = setUp({ random: () => 0.5 });
  sink.answer = () => ({ kind: 'failed', reason: '' });
  outbox.add(1);
  expect(await sender.sendRound()).toBe(375);
  await clock.pass(375);
  expect(await sender.sendRound()).toBe(750);
});

test('a sink that asks for a longer pause gets it', async () => {
  const { outbox, sink, sender } = setUp();
  sink.answer = () => ({ kind: 'failed', reason: 'it is busy', retryMs: 20_000 });
  outbox.add(1);
  expect(await sender.sendRound()).toBe(20_000);
});

test('after a cut, a long outbox drains at the limit of events per second', async () => {
  const { clock, outbox, requests, sender } = setUp({ eventsPerSecondMax: 20 });
  outbox.add(100);
  sender.start();
  await clock.pass(2000);
  // The first batch of ten leaves at once, and one follows each half second.
  expect(requests.map(({ at }) => at)).toEqual([0, 500, 1000, 1500, 2000]);
  await clock.pass(2500);
  expect(outbox.events).toEqual([]);
});

test('an event that the sink refuses is set aside alone, and the others of its batch arrive in order', async () => {
  const { clock, outbox, requests, lines, sink, sender } = setUp();
  sink.answer = (events) =>
    events.some(({ id }) => id === 'e2')
      ? { kind: 'refused', reason: 'it answered with status 400' }
      : { kind: 'accepted' };
  outbox.add(4);
  sender.start();
  await clock.pass(1000);
  expect(requests.map(({ ids }) => ids.join())).toEqual(['e1,e2,e3,e4', 'e1', 'e2', 'e3', 'e4']);
  expect(outbox.refused).toEqual([2]);
  expect(sender.figures).toEqual({ sent: 3, failures: 0, refused: 1, isCut: false });
  expect(lines).toEqual([
    'error: the event sink refuses the event e2, which stays in the store: it answered with status 400',
  ]);
});

test('a store that fails for a moment ends no sender', async () => {
  const { clock, outbox, requests, lines, sender } = setUp();
  const read = outbox.readEvents.bind(outbox);
  outbox.readEvents = () => Promise.reject(new Error('NL_STORE_BUSY'));
  outbox.add(1);
  sender.start();
  await clock.pass(1000);
  expect(lines).toEqual(['warn: events cannot be sent: NL_STORE_BUSY']);
  outbox.readEvents = read;
  await clock.pass(8000);
  expect(requests).toHaveLength(1);
});

test('a sender that is closed while it waits sends nothing more', async () => {
  const { clock, outbox, requests, sender } = setUp();
  sender.start();
  await clock.pass(1000);
  await sender.close();
  outbox.add(1);
  await clock.pass(120_000);
  expect(requests).toEqual([]);
});
