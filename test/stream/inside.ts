/** A host that leaves its parent's network: it says "ready", answers an offer, sends pictures, and ends with its parent. */

import { loadKernel } from '../../host/pod/kernel.ts';
import { kernelPath } from '../../host/pod/native.ts';
import { openDoor, openRelay } from '../../host/stream/relay.ts';
import { accessUnit, startServer } from './fixture.ts';

const ICE_PORT = 5000;

const address = '127.0.0.1';
const socket = await openDoor({ address, first: 31_000, last: 31_999 });
loadKernel(kernelPath).newNetwork();
const relay = openRelay({ socket, address, target: { address, port: ICE_PORT }, peersMax: 8, idleMs: 30_000 });
const { server, players } = await startServer({ icePort: ICE_PORT }, { relay });

setInterval(() => {
  for (const { connection } of players)
    connection?.sendFrame(accessUnit(3000, true), {
      rtpTimestamp: Math.round(performance.now() * 90),
      keyframe: true,
      inputSequence: 0,
      inputToSendUs: 0,
    });
}, 16);

process.on('message', async (message: string) => {
  const headers = { 'content-type': 'application/sdp' };
  const response = await fetch(`${server.url}whep`, { method: 'POST', headers, body: message });
  process.send!(await response.text());
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');
