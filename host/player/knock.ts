/**
 * Opens a TCP connection to the server of a URL, and calls `onAnswer` when the server or the network answers. Requests cannot do
 * that at will: a browser opens few connections to a server and keeps those whose first packet was lost, which the system sends
 * again only after pauses that double. So this pretends that the server is a TURN server, which always takes a connection of its
 * own. The server closes the connection, because it is none, and the browser says so.
 * @returns a function that gives up the connection; undefined if this browser cannot knock
 */
export function knock(url: URL, onAnswer: () => void): (() => void) | undefined {
  if (typeof RTCPeerConnection === 'undefined' || !('onicecandidateerror' in RTCPeerConnection.prototype))
    return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const urls = `turn:${url.hostname}:${port}?transport=tcp`;
  let peer: RTCPeerConnection;
  try {
    // Only relayed candidates, so that the browser opens no other socket.
    peer = new RTCPeerConnection({
      iceServers: [{ urls, username: 'line', credential: 'line' }],
      iceTransportPolicy: 'relay',
    });
  } catch {
    // Browsers limit the number of connections that were not yet collected as garbage.
    return undefined;
  }
  const close = () => {
    peer.onicecandidateerror = null;
    peer.close();
  };
  peer.onicecandidateerror = () => {
    close();
    onAnswer();
  };
  peer.createDataChannel('line');
  void peer.setLocalDescription().catch(() => {});
  return close;
}
