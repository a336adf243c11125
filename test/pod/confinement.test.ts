import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { buildKernel, supervisorPath } from '../../host/pod/native.ts';
import { withoutNamespaces } from '../engine/jailed.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.runIf(process.getuid?.() === 0)(
  'a host of pods does not start where it would have no namespaces of its own',
  async () => {
    await buildKernel();
    const program = join(import.meta.dirname, '../../host/pod/main.ts');
    const [command = '', ...rest] = [...withoutNamespaces, supervisorPath, process.execPath, program, 'host'];
    const { status, stderr } = spawnSync(command, rest, {
      encoding: 'utf8',
      env: { ...process.env, NEARLIGHT_RUN_DIR: join(folder, 'run'), NEARLIGHT_CACHE_DIR: join(folder, 'cache') },
    });
    expect(stderr).toBe(
      'supervisor: a host of pods needs namespaces of its own (run it as root): clone: Operation not permitted\n',
    );
    expect(status).toBe(125);
  },
);
