// In the bundle, in place of host/base/installed.ts: the runtime lies in it.
import { join } from 'node:path';
import { type Runtime, runtimeIn } from '../../base/runtime.ts';

export function findRuntime(): Runtime {
  return runtimeIn(join(import.meta.dirname, '../runtime'));
}

export function findCompiler(): undefined {}
