import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { Meters } from '../../host/observe/meters.ts';
import { createMetrics } from '../../host/observe/metrics.ts';
import { limitPages, openDependencies } from '../../host/play/dependencies.ts';
import { temporaryFolder } from '../edge/store/stores.ts';
import { ManualClock } from '../room/fake.ts';

function open(endpointRules: string, meters = new Meters()) {
  const config = { ...readConfig({}), endpointRules };
  return openDependencies({ config, log: () => {}, meters, clock: new ManualClock() });
}

test('a request of a page beyond its rule is refused with a reason for the page, and other errors are left alone', async () => {
  const path = join(temporaryFolder(), 'rules.json');
  writeFileSync(path, '{"join":{"perSecond":1}}');
  const dependencies = await open(path);
  const limit = limitPages(dependencies);
  await expect(limit('join', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  await expect(limit('join', async () => 1)).rejects.toMatchObject({ code: 'NL_OFFER_RATE' });
  expect(await limit('ticket', async () => 2)).toBe(2);
  await dependencies.close();
});

test('a host with rules that cannot be used does not start', async () => {
  await expect(open('/no such file')).rejects.toMatchObject({ code: 'NL_SETTING' });
  await (await open('')).close();
});

test('the metrics have every service, state, outcome and endpoint from the start, at 0', async () => {
  const meters = new Meters();
  const figures = { build: {}, seats: () => ({ all: 0, taken: 0 }), coldStart: () => ({}) };
  const text = createMetrics(meters, figures);
  const first = await text();
  for (const line of [
    'nearlight_dependency_state{dependency="issuer",state="closed"} 1',
    'nearlight_dependency_state{dependency="opa",state="half-open"} 0',
    'nearlight_dependency_state{dependency="nats",state="open"} 0',
    'nearlight_dependency_changes_total{dependency="centre",to="open"} 0',
    'nearlight_dependency_calls_total{dependency="issuer",outcome="timeout"} 0',
    'nearlight_dependency_call_seconds_count{dependency="opa"} 0',
    'nearlight_endpoint_excess_total{endpoint="queue",fate="rejected"} 0',
  ])
    expect(first).toContain(`${line}\n`);
  const dependencies = await open('', meters);
  await dependencies.opa.run(async () => 1);
  meters.dependencies.nats.change('open');
  const second = await text();
  expect(second).toContain('nearlight_dependency_calls_total{dependency="opa",outcome="ok"} 1\n');
  expect(second).toContain('nearlight_dependency_state{dependency="nats",state="open"} 1\n');
  expect(second).toContain('nearlight_dependency_changes_total{dependency="nats",to="open"} 1\n');
  await dependencies.close();
});
