/** A node that is killed: adds events to its store, prints the id of each that is acknowledged, and sends them to the centre. */
import { systemClock } from '../../../host/base/clock.ts';
import { readConfig } from '../../../host/base/config.ts';
import { createDependencies } from '../../../host/edge/dependencies/dependencies.ts';
import { Sender } from '../../../host/edge/outbox/sender.ts';
import { createHttpSink } from '../../../host/edge/outbox/sink.ts';
import { openStore } from '../../../host/edge/store/store.ts';
import { Meters } from '../../../host/observe/meters.ts';

/** Matches of one life, each of which has events in an order of their own. */
const MATCHES = 4;
const GROUP = 10;

const [, , folder = '', url = '', life = '0', count = '0'] = process.argv;
const { centre } = createDependencies({
  config: { ...readConfig({}), sinkMsMax: 2000 },
  log: () => {},
  meters: new Meters(),
});
const store = await openStore({ folder, bytesMax: 2 ** 30, log: () => {} });
const sender = new Sender({
  store,
  send: createHttpSink({ url, token: '', dependency: centre }).send,
  clock: systemClock,
  log: () => {},
  random: () => 0,
  intervalMs: 20,
  batchMax: 100,
  eventsPerSecondMax: 100_000,
});
sender.start();
process.stdout.write('open\n');
for (let n = 0; n < Number(count); n += GROUP)
  await Promise.all(
    Array.from({ length: Math.min(GROUP, Number(count) - n) }, async (_, index) => {
      const number = n + index;
      const id = `${life}-${number}`;
      const subject = `${life}/${number % MATCHES}`;
      await store.addEvent({ id, type: 'bench', subject, time: Date.now(), data: `{"n":${number}}`, local: false });
      process.stdout.write(`${id}\n`);
    }),
  );
for (;;) {
  if ((await store.countOutbox({})).waiting === 0) process.stdout.write('drained\n');
  await systemClock.until(systemClock.now());
}
