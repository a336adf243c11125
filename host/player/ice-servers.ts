/**
 * Reads the ICE servers in the Link header of an answer (draft-ietf-wish-whep, "STUN/TURN server configuration"), with which a
 * page reaches a host whose own addresses it cannot reach. Entries that cannot be read are left out.
 */
export function readIceServers(link: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  // An entry is <URL>, followed by parameters NAME="VALUE" (RFC 8288, 3).
  for (const [, url = '', rest = ''] of (link ?? '').matchAll(
    /<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^\s",;]*))*)/g,
  )) {
    const values = new Map<string, string>();
    for (const [, name = '', quoted, plain] of rest.matchAll(/;\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s",;]*))/g))
      values.set(name.toLowerCase(), quoted ?? plain ?? '');
    if (values.get('rel') !== 'ice-server' || !/^(stun|turn)s?:/i.test(url)) continue;
    const [username, credential] = [values.get('username'), values.get('credential')];
    servers.push(
      username === undefined || credential === undefined ? { urls: url } : { urls: url, username, credential },
    );
  }
  return servers;
}
