import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Site {
  /** The site's origin, which is not that of any host. */
  readonly origin: string;
  /** The page that the site answers every request with. */
  html: string;
  close(): void;
}

/** Opens a site that is not a host, whose page can embed the player. */
export async function openSite(): Promise<Site> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(site.html);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const site = { origin: `http://127.0.0.1:${port}`, html: '', close: () => void server.close() };
  return site;
}
