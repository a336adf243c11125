import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directAccess } from '../../host/pod/access.ts';
import { writeTerminationMessage } from '../../host/pod/container.ts';
import type { OciBundle } from '../../host/pod/oci-bundle.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-container-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['a'.repeat(4096), 'a'.repeat(4096)],
  ['a'.repeat(4097), 'a'.repeat(4096)],
  // The kubelet shows 4 KiB: 1365 characters of three bytes, and no part of the next.
  ['€'.repeat(1365), '€'.repeat(1365)],
  ['€'.repeat(4096), '€'.repeat(1365)],
  ['why', 'why'],
])('a termination message has at most 4096 bytes, and no half of a character: %.8s', async (message, expected) => {
  const source = join(folder, 'log');
  const mounts = [{ destination: '/dev/termination-log', source, type: 'bind', options: [] }];
  await writeTerminationMessage(directAccess, { mounts } as unknown as OciBundle, message);
  expect(readFileSync(source, 'utf8')).toBe(expected);
});
