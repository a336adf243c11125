import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Level } from '../../../host/base/log.ts';
import { type EdgeStore, openStore, type StoreOptions } from '../../../host/edge/store/store.ts';

export const MIB = 2 ** 20;

/** Makes a folder that is removed at the end of the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a store that is closed at the end of the test, and keeps what it logs. Without a folder it is in memory. */
export async function openTestStore(
  options: Partial<StoreOptions> = {},
): Promise<{ store: EdgeStore; lines: { level: Level; message: string }[] }> {
  const lines: { level: Level; message: string }[] = [];
  const store = await openStore({
    folder: undefined,
    bytesMax: 64 * MIB,
    reserveBytes: MIB / 4,
    log: (level, message) => lines.push({ level, message }),
    ...options,
  });
  onTestFinished(() => store.close());
  return { store, lines };
}
