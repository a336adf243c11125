import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createReceiver } from '../../../host/edge/outbox/receiver.ts';
import type { EdgeStore } from '../../../host/edge/store/store.ts';

/** Starts a centre that keeps events, and drops every connection while `state.isCut`. It ends with the test. */
export async function startCentre(store: EdgeStore): Promise<{ url: string; state: { isCut: boolean } }> {
  const state = { isCut: false };
  const receive = createReceiver(store);
  const server = createServer((request, response) => {
    if (state.isCut) request.socket.destroy();
    else void receive(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, state };
}
