// In the bundle, in place of host/engine/wasmedge/build.ts: the native parts were built with it.
import { join } from 'node:path';
import { findRuntime } from '../../base/installed.ts';
import { commandOf } from '../../base/runtime.ts';

const folder = join(import.meta.dirname, '../native');

export const addonPath: string = join(folder, 'addon.node');
export const kernelPath: string = join(folder, 'kernel.node');

export function guestCommand(): string[] {
  return commandOf(join(folder, 'guest'), findRuntime());
}

export async function buildNative(): Promise<void> {}
