import { LAYERS } from '../base/layers.ts';
import type { LoadOptions } from '../engine/engine.ts';
import { checkModule } from '../engine/module.ts';
import type { CompileCache } from '../engine/wasmedge/cache.ts';
import { compilerIdentity } from '../engine/wasmedge/identity.ts';
import type { Compiler } from './compile.ts';

/** Returns the keeper's compiler, which checks modules and compiles those that its cache does not have. */
export function createCompiler(cache: CompileCache, { limits, log }: Pick<LoadOptions, 'limits' | 'log'>): Compiler {
  return {
    identity: compilerIdentity,
    find: (module) => cache.findSealed(module, { log }),
    make: (module, spent) => cache.native(checkModule(module, limits).bytes, { limits, log, required: LAYERS, spent }),
    counts: cache.counts,
  };
}
