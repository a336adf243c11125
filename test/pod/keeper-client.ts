import { once } from 'node:events';
import { closeSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import { must } from '../../host/base/assert.ts';
import type { NativeCode } from '../../host/engine/wasmedge/sealed.ts';
import { duplicate } from '../../host/pod/message-socket.ts';
import { descriptorOf } from '../../host/pod/peer.ts';

/** Connects to a unix socket. Resolves with a descriptor, as the supervisor of a host gives one to it. */
export async function connectTo(path: string): Promise<number> {
  const socket = connect(path).pause();
  await once(socket, 'connect');
  const fd = duplicate(must(descriptorOf(socket), 'descriptor'));
  socket.destroy();
  return fd;
}

/** Reads native code, and closes its descriptor. */
export function readCode(found: NativeCode): Buffer {
  if (found instanceof Uint8Array) return Buffer.from(found);
  const { fd, bytes } = found;
  const code = Buffer.alloc(bytes + 1);
  const length = readSync(fd, code, 0, code.length, 0);
  closeSync(fd);
  return code.subarray(0, length);
}
