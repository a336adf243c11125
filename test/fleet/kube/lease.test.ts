import { expect, onTestFinished, test } from 'vitest';
import { KubeClient } from '../../../host/fleet/kube/client.ts';
import { Election } from '../../../host/fleet/kube/lease.ts';
import { ManualClock } from '../../room/fake.ts';
import { StandInApi } from '../api.ts';

const LEASES = 'fleet/leases';

/** A replica that looks at the Lease when the test says so, by a clock of its own. */
function candidate(api: StandInApi, identity: string) {
  const clock = new ManualClock();
  const client = new KubeClient({ url: api.url });
  onTestFinished(() => client.close());
  const changes: boolean[] = [];
  const lines: string[] = [];
  const election = new Election({
    client,
    namespace: 'fleet',
    name: 'leader',
    identity,
    onChange: (leads) => changes.push(leads),
    log: (level, line) => lines.push(`${level}: ${line}`),
    clock,
  });
  return { election, clock, changes, lines };
}

function holder(api: StandInApi): unknown {
  return (api.get(LEASES, 'leader')?.spec as { holderIdentity?: unknown } | undefined)?.holderIdentity;
}

test('the first of several leads, and renews', async () => {
  const api = await StandInApi.open();
  const [a, b] = [candidate(api, 'a'), candidate(api, 'b')];
  await Promise.all([a.election.step(), b.election.step()]);
  const [first, second] = a.election.leads ? [a, b] : [b, a];
  expect([first.election.leads, second.election.leads]).toEqual([true, false]);
  for (let turn = 0; turn < 10; turn++) {
    for (const { clock } of [a, b]) clock.jump(1000);
    await first.election.step();
    await second.election.step();
  }
  expect([first.changes, second.changes]).toEqual([[true], []]);
  expect(second.election.leader).toBe(holder(api));
  expect([...a.lines, ...b.lines]).toEqual([]);
});

test('a leader that stops is replaced after five seconds, and knows before then that it leads no more', async () => {
  const api = await StandInApi.open();
  const [a, b] = [candidate(api, 'a'), candidate(api, 'b')];
  await a.election.step();
  await b.election.step();
  for (const { clock } of [a, b]) clock.jump(3499);
  await b.election.step();
  expect([a.election.leads, b.election.leads]).toEqual([true, false]);
  for (const { clock } of [a, b]) clock.jump(1);
  expect(a.election.leads).toBe(false);
  for (const { clock } of [a, b]) clock.jump(1499);
  await b.election.step();
  expect(b.election.leads).toBe(false);
  b.clock.jump(1);
  await b.election.step();
  expect([b.election.leads, holder(api)]).toEqual([true, 'b']);
  // The one that was stopped goes on.
  await a.election.step();
  expect([a.election.leads, a.changes, a.election.leader]).toEqual([false, [true, false], 'b']);
  expect(api.get(LEASES, 'leader')?.spec).toMatchObject({ leaseTransitions: 1 });
});

test('of two that take a Lease at the same time, one gets it', async () => {
  const api = await StandInApi.open();
  const old = candidate(api, 'old');
  await old.election.step();
  const others = ['a', 'b', 'c'].map((name) => candidate(api, name));
  await Promise.all(others.map(({ election }) => election.step()));
  for (const { clock } of others) clock.jump(5000);
  await Promise.all(others.map(({ election }) => election.step()));
  expect(others.filter(({ election }) => election.leads)).toHaveLength(1);
  expect(others.flatMap(({ lines }) => lines)).toEqual([]);
});

test('a leader that closes gives the Lease back at once', async () => {
  const api = await StandInApi.open();
  const [a, b] = [candidate(api, 'a'), candidate(api, 'b')];
  await a.election.step();
  await a.election.close();
  expect([holder(api), a.changes]).toEqual(['', [true, false]]);
  await b.election.step();
  expect(b.election.leads).toBe(true);
});

test('a leader that cannot reach the API leads until its time is over', async () => {
  const api = await StandInApi.open();
  const a = candidate(api, 'a');
  await a.election.step();
  api.faults.isDown = true;
  a.clock.jump(3000);
  await a.election.step();
  expect([a.election.leads, a.lines]).toEqual([true, [expect.stringContaining('warn: the Lease of the leader')]]);
  a.clock.jump(500);
  await a.election.step();
  expect([a.election.leads, a.changes]).toEqual([false, [true, false]]);
});
