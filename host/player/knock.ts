/**
 * Opens a TCP connection to the server of a URL, and calls `onAnswer` when the server or the network answers. Requests cannot do
 * that at will: a browser opens few connections to a server and keeps those whose first packet was lost, which the system sends
 * again only after pauses that double. So this pretends that the server is a TURN server, which always takes a connection of its
 * own. The server closes the connection, because it is none, and the browser says so.
 * @param used a connection of an earlier knock that was given up. Browsers make only so many new ones, and collect closed ones late.
 * @returns the connection; undefined if this browser cannot knock
 */
export function knock(url: URL, onAnswer: () => void, used?: RTCPeerConnection): RTCPeerConnection | undefined {
  if (typeof RTCPeerConnection === 'undefined' || !('onicecandidateerror' in RTCPeerConnection.prototype))
    return undefined;
  const peer = used ?? openPeer(url);
  if (!peer) return undefined;
  peer.onicecandidateerror = onAnswer;
  // A restart of ICE closes the TCP connection, and opens another one.
  if (used) used.restartIce();
  void peer.setLocalDescription().catch(() => {});
  return peer;
}

function openPeer(url: URL): RTCPeerConnection | undefined {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const urls = `turn:${url.hostname}:${port}?transport=tcp`;
  try {
    // Only relayed candidates, so that the browser opens no other socket.
    const peer = new RTCPeerConnection({
      iceServers: [{ urls, username: 'line', credential: 'line' }],
      iceTransportPolicy: 'relay',
    });
    peer.createDataChannel('line');
    return peer;
  } catch {
    // Browsers limit the number of connections that were not yet collected as garbage.
    return undefined;
  }
}
