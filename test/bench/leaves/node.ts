/**
 * A node of `bench -- leaves`: adds events to its store, sends them through its leaf to JetStream, and sends and hears messages of rooms.
 * It prints each event's id when it is acknowledged, and each message that comes. Arguments: folder, URL of the leaf, name, events.
 */
import { BusCounts } from '../../../host/base/bus.ts';
import { systemClock } from '../../../host/base/clock.ts';
import { readConfig } from '../../../host/base/config.ts';
import { milli } from '../../../host/base/time.ts';
import { NatsLink } from '../../../host/edge/bus/nats.ts';
import { ProcessBus } from '../../../host/edge/bus/process.ts';
import { createDependencies } from '../../../host/edge/dependencies/dependencies.ts';
import { JetStreamSink } from '../../../host/edge/outbox/jetstream.ts';
import { Sender } from '../../../host/edge/outbox/sender.ts';
import { openStore } from '../../../host/edge/store/store.ts';
import { Meters } from '../../../host/observe/meters.ts';

const MATCHES = 4;
/** Events and messages per second. */
const PER_SECOND = 50;
const GAME = 'leaves';
const TOPIC = 'chat';

const [, , folder = '', url = '', name = '', count = '0'] = process.argv;
const print = (line: string) => process.stdout.write(`${line}\n`);
const log = (_level: string, message: string) => print(`log ${message}`);

const store = await openStore({ folder, bytesMax: 2 ** 30, log });
const { centre: dependency, nats } = createDependencies({
  config: readConfig({}),
  log: () => {},
  meters: new Meters(),
});
const sink = new JetStreamSink({ url, subject: 'nearlight.events', timeoutMs: 3000, dependency });
const sender = new Sender({
  store,
  send: (events) => sink.send(events),
  clock: systemClock,
  log,
  intervalMs: 100,
  batchMax: 100,
  eventsPerSecondMax: 100_000,
});
sender.start();

const counts = new BusCounts();
const bus = new ProcessBus({
  queueMax: 1000,
  counts,
  link: (receive) => new NatsLink({ url, counts, receive, log, dependency: nats }),
});
const room = bus.open(GAME);
room.subscribe(TOPIC);

const startedAt = systemClock.now();
for (let n = 0; n < Number(count); n++) {
  const id = `${name}-${n}`;
  await store.addEvent({
    id,
    type: 'bench',
    subject: `${name}/${n % MATCHES}`,
    time: Date.now(),
    data: `{"n":${n}}`,
    local: false,
  });
  print(`event ${id}`);
  room.emit(TOPIC, Buffer.from(id));
  print(`said ${id}`);
  for (let message = room.take(); message; message = room.take()) print(`heard ${Buffer.from(message.bytes)}`);
  await systemClock.until(milli(startedAt + ((n + 1) * 1000) / PER_SECOND));
}
for (;;) {
  for (let message = room.take(); message; message = room.take()) print(`heard ${Buffer.from(message.bytes)}`);
  if ((await store.countOutbox({})).waiting === 0) print('drained');
  await systemClock.until(milli(systemClock.now() + 50));
}
