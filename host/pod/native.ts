import { join } from 'node:path';
import { addonFlags, buildTargets, NATIVE_FOLDER } from '../base/native.ts';

const ADDON = 'kernel.node';

/** The Node addon with the system calls that the host of a pod needs (kernel.cc). It exists once buildKernel() has resolved. */
export const kernelPath = join(NATIVE_FOLDER, ADDON);

/**
 * Builds the Node addon kernel.node, unless it exists and its sources have not changed. @throws NearlightError NL_NO_WASMEDGE
 */
export function buildKernel(options: { folder?: string; compiler?: string } = {}): Promise<void> {
  const { folder = NATIVE_FOLDER, compiler } = options;
  const absolute = (names: readonly string[]) => names.map((file) => join(import.meta.dirname, file));
  const targets = [
    { name: ADDON, sources: absolute(['kernel.cc', 'peer.cc']), headers: absolute(['peer.h']), flags: addonFlags() },
  ];
  return buildTargets({ folder, targets, ...(compiler === undefined ? {} : { compiler }) });
}
