/** Adds events to the store in a folder until it is killed, and prints the id of each one that is acknowledged. */
import { openStore } from '../../../host/edge/store/store.ts';
import { eventOf } from './events.ts';

const [, , folder = ''] = process.argv;
const store = await openStore({ folder, bytesMax: 2 ** 30, reserveBytes: 2 ** 20, log: () => {} });
for (let n = 0; ; ) {
  const group = Array.from({ length: 1 + (n % 50) }, () => `e${n++}`);
  await Promise.all(
    group.map(async (id) => {
      await store.addEvent(eventOf(id));
      process.stdout.write(`${id}\n`);
    }),
  );
}
