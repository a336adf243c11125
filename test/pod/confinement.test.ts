import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { errors } from '../../host/base/errors.ts';
import { withoutNamespaces } from '../engine/jailed.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.runIf(process.getuid?.() === 0)('a host of pods does not start without every layer of confinement', () => {
  const program = join(import.meta.dirname, '../../host/pod/main.ts');
  const [command = '', ...rest] = [...withoutNamespaces, process.execPath, program, 'host'];
  const { status, stderr } = spawnSync(command, rest, {
    encoding: 'utf8',
    env: { ...process.env, NEARLIGHT_RUN_DIR: join(folder, 'run'), NEARLIGHT_CACHE_DIR: join(folder, 'cache') },
  });
  expect(stderr).toMatch(/NL_CONFINEMENT: .*does not give userOrUid .*run as root, or allow user namespaces/);
  expect(status).toBe(errors.NL_CONFINEMENT.exit);
});
