import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { heartbeat } from '../../host/pod/heartbeat.ts';
import { startedAt } from '../../host/pod/process.ts';
import { serve } from '../../host/pod/ttrpc.ts';

// Takes the place of a host process that waits for a pod and answers the keeper. Files in the run folder hold it up: `loop.PID`
// without end, `pause.PID` for a while.
const run = must(process.env.NEARLIGHT_RUN_DIR, 'NEARLIGHT_RUN_DIR');
const { pid } = process;
export const PAUSE_MS = 1200;

if (import.meta.main) {
  const server = await serve(join(run, `host/${pid}.sock`), heartbeat);
  writeFileSync(join(run, `warm/${pid}`), must(startedAt(pid), 'start time'));
  setInterval(() => {
    while (existsSync(join(run, `loop.${pid}`)));
    if (!existsSync(join(run, `pause.${pid}`))) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    rmSync(join(run, `pause.${pid}`));
  }, 5);
  process.on('SIGTERM', () => void server.close().then(() => process.exit()));
}
