/**
 * Runs a host in its own network namespace. It sends "ready" to its parent process, answers one offer, sends frames to the
 * page, and exits with its parent.
 */

import { must } from '../../host/base/assert.ts';
import { micro } from '../../host/base/time.ts';
import { loadKernel } from '../../host/pod/kernel.ts';
import { kernelPath } from '../../host/pod/native.ts';
import { openRelaySocket } from '../../host/stream/udp.ts';
import { accessUnit, startServer } from './fixture.ts';

const address = '127.0.0.1';
const socket = await openRelaySocket({ address, first: 31_000, last: 31_999 });
loadKernel(kernelPath).newNetwork();
const { server, players } = await startServer({}, { nodePort: { socket, address } });

function send(message: string): void {
  must(process.send?.bind(process), 'parent process')(message);
}

setInterval(() => {
  for (const { connection } of players)
    connection?.sendFrame(accessUnit(3000, true), {
      rtpTimestamp: Math.round(performance.now() * 90),
      keyframe: true,
      inputSequence: 0,
      inputToSendUs: micro(0),
    });
}, 16);

process.on('message', async (message: string) => {
  const headers = { 'content-type': 'application/sdp' };
  const response = await fetch(`${server.url}whep`, { method: 'POST', headers, body: message });
  send(await response.text());
});
process.on('disconnect', () => process.exit(0));
send('ready');
