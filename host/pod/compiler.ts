import type { Socket } from 'node:net';
import { LAYERS } from '../base/layers.ts';
import type { LoadOptions } from '../engine/engine.ts';
import { checkModule } from '../engine/module.ts';
import type { CompileCache } from '../engine/wasmedge/cache.ts';
import { compilerIdentity } from '../engine/wasmedge/identity.ts';
import type { Compiler } from './compile.ts';
import type { Kernel } from './kernel.ts';

/** Returns the keeper's compiler, which checks modules and compiles those that its cache does not have. */
export function createCompiler(cache: CompileCache, { limits, log }: Pick<LoadOptions, 'limits' | 'log'>): Compiler {
  return {
    identity: compilerIdentity,
    find: (module) => cache.find(module, { log }),
    make: (module, spent) => cache.native(checkModule(module, limits).bytes, { limits, log, required: LAYERS, spent }),
    counts: cache.counts,
  };
}

/** Returns the id of the process at the other end of a unix socket; undefined if the socket has closed. */
export function peerOf(socket: Socket, kernel: Kernel): number | undefined {
  // Node has no public name for the descriptor of a socket.
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } | null };
  return handle && handle.fd >= 0 ? kernel.peerProcess(handle.fd) : undefined;
}
