import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:net';

/** Lets a server listen on a unix socket that only our own user can open. */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  // A keeper that died may have left its socket file.
  await rm(path, { force: true });
  server.listen({ path });
  await once(server, 'listening');
  await chmod(path, 0o600);
}
