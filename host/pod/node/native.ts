// In the bundle, in place of host/engine/wasmedge/build.ts: the native parts were built with it.
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../native');

export const guestPath: string = join(folder, 'guest');
export const addonPath: string = join(folder, 'addon.node');
export const kernelPath: string = join(folder, 'kernel.node');

export async function buildNative(): Promise<void> {}
