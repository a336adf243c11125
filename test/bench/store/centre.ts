/** A centre that is killed: keeps the events that arrive at a port in its store. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createReceiver } from '../../../host/edge/outbox/receiver.ts';
import { openStore } from '../../../host/edge/store/store.ts';

const [, , folder = '', port = '0'] = process.argv;
const store = await openStore({ folder, bytesMax: 2 ** 30, log: () => {} });
const receive = createReceiver(store);
const server = createServer((request, response) => void receive(request, response));
server.listen(Number(port), '127.0.0.1', () =>
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`),
);
