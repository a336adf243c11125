/** Makes the stream of `bench -- leaves`, or prints the id of every event in it. Arguments: URL of the hub, `make` or `read`. */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const STREAM = 'events';
const [, , url = '', task = ''] = process.argv;
const connection = await connect({ servers: new URL(url).host, timeout: 10_000 });
const { streams } = await jetstreamManager(connection);
if (task === 'make') await streams.add({ name: STREAM, subjects: ['nearlight.events.>'] });
else {
  const { state } = await streams.info(STREAM);
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await streams.getMessage(STREAM, { seq });
    if (message) process.stdout.write(`${message.json<{ id: string }>().id}\n`);
  }
}
await connection.close();
