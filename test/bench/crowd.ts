/**
 * Players without a page, in a process of their own: they join a game, walk about and take video without decoding it. After they
 * have joined, and at each message, the process sends the pictures that each player got since the last count: crowd URL QUERY COUNT.
 */
import { Peer, pointerMessage, until } from '../stream/peer.ts';

const TURN_MS = 50;

const [url = '', query = '', count = ''] = process.argv.slice(2);
const peers: Peer[] = [];
for (let number = 0; number < Number(count); number++) {
  const peer = new Peer();
  await peer.join(url, { query });
  peer.beat();
  await until(() => peer.pictures > 0, 'a picture');
  peers.push(peer);
}
let sequence = 0;
setInterval(() => {
  sequence++;
  const message = pointerMessage({ sequence, dx: sequence * 40, locked: true });
  for (const { state } of peers) if (state.isOpen()) state.sendMessageBinary(message);
}, TURN_MS);

/** Returns the number of pictures that each player got since the last call. */
function counted(): number[] {
  return peers.map((peer) => {
    const { pictures } = peer;
    peer.packets.length = 0;
    return pictures;
  });
}

process.on('message', () => process.send?.(counted()));
process.send?.(counted());
