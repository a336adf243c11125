/** Results as transactions, as at an auction: many bids for a few lots, each committed to the disk once. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { openEdge } from '../../../host/play/edge.ts';
import { openResilience } from '../../../host/play/resilience.ts';
import type { Bench } from '../harness.ts';
import { loggedAfter } from './joins.ts';
import { now, offer, report } from './load.ts';

const PER_SECOND = 2000;
const CALM_PER_SECOND = 50;
const CALM_MS = 2000;
const LOTS = 10;
/** Each bid comes with a trace and a line of the log, and each tenth one comes twice. */
const TWICE_EVERY = 10;
const RESULT_MS = 100;

export async function pressResults(bench: Bench, seconds: number): Promise<void> {
  const build = join(import.meta.dirname, '../../../build');
  mkdirSync(build, { recursive: true });
  const folder = mkdtempSync(join(build, 'pressure-'));
  const lines: string[] = [];
  const log = (_: string, line: string) => lines.push(`${now().toFixed(0)} ${line}`);
  const meters = new Meters();
  const config = { ...readConfig({}), storeDir: folder };
  const resilience = openResilience({ config, log, meters });
  const edge = must(await openEdge({ config, log, meters, resilience }), 'store');
  const { store } = edge;
  let observed = 0;
  const acknowledged = new Set<string>();
  const bid = async (index: number) => {
    const id = `bid-${index % TWICE_EVERY === 1 ? index - 1 : index}`;
    resilience.protection.count('results');
    for (const observation of [
      store.addTrace({ at: index, body: '{"span":"bid"}' }),
      store.addLog({ at: index, body: '{"line":"bid"}' }),
    ])
      observation.then(
        () => observed++,
        () => {},
      );
    const data = JSON.stringify({ lot: index % LOTS, amount: index });
    await store.addResult({ id, match: `lot/${index % LOTS}`, endedAt: Date.now(), data, local: false });
    acknowledged.add(id);
  };
  const offered = await offer(
    [
      { perSecond: CALM_PER_SECOND, ms: CALM_MS },
      { perSecond: PER_SECOND, ms: seconds * 1000, isPressure: true },
      { perSecond: CALM_PER_SECOND, ms: CALM_MS },
    ],
    bid,
  );
  const { errors } = report(bench, 'results', offered, RESULT_MS);
  const recognised = loggedAfter(lines, offered.pressedAt, 'is recognised');
  if (recognised !== undefined) bench.value('results: recognised after', 'ms', recognised);
  bench.value('results: traces and logs that were taken, of two for each', '', observed / offered.outcomes.length);
  const { waiting } = await store.countOutbox({});
  bench.goal('results that failed', { direction: 'at most', limit: 0, value: errors, unit: '' });
  bench.goal('results: events that are missing or doubled, of those acknowledged', {
    direction: 'at most',
    limit: 0,
    value: Math.abs(waiting - acknowledged.size),
    unit: '',
  });
  await edge.close();
  resilience.close();
  rmSync(folder, { recursive: true, force: true });
}
