import { expect, onTestFinished, test } from 'vitest';
import { KubeClient } from '../../../host/fleet/kube/client.ts';
import { PODS, type Pod } from '../../../host/fleet/kube/object.ts';
import { Watch, type WatchOptions } from '../../../host/fleet/kube/watch.ts';
import { eventually } from '../../wait.ts';
import { StandInApi } from '../api.ts';
import { NAMESPACE, podNamed } from '../rig.ts';

const COLLECTION = `${NAMESPACE}/pods`;

/** Follows the pods of an API, and knows their names. */
async function follow(api: StandInApi, options: Partial<WatchOptions<Pod>> = {}) {
  const names = new Set<string>();
  const lines: string[] = [];
  const client = new KubeClient({ url: api.url });
  const watch = new Watch<Pod>({
    client,
    kind: PODS,
    namespace: NAMESPACE,
    objectsMax: 10_000,
    onList(pods) {
      names.clear();
      for (const { metadata } of pods) names.add(metadata.name);
    },
    onChange: ({ metadata }) => names.add(metadata.name),
    onRemoved: ({ metadata }) => names.delete(metadata.name),
    log: (_level, line) => lines.push(line),
    random: () => 0,
    ...options,
  });
  watch.start();
  onTestFinished(async () => {
    await watch.close();
    client.close();
  });
  await watch.synced;
  await eventually(() => expect(api.watches).toBe(1));
  const sorted = () => [...names].sort();
  return { watch, sorted, lines };
}

test('a watch lists all pages once, and then hears of every change', async () => {
  const api = await StandInApi.open();
  for (let n = 0; n < 1001; n++) api.put(COLLECTION, podNamed(`p${n}`));
  const { watch, sorted } = await follow(api);
  expect(sorted()).toHaveLength(1001);
  expect(api.count('LIST pods')).toBe(3);
  api.put(COLLECTION, podNamed('new'));
  api.remove(COLLECTION, 'p7');
  await eventually(() => expect(sorted()).toContain('new'));
  await eventually(() => expect(sorted()).not.toContain('p7'));
  expect([watch.lists, watch.watches]).toEqual([1, 1]);
});

test.each(['end', 'break'] as const)(
  'after the %s of a watch, one other watch goes on where it was, without a list',
  async (how) => {
    const api = await StandInApi.open();
    const { watch, sorted } = await follow(api);
    for (let cut = 1; cut <= 3; cut++) {
      api.cut(how);
      api.put(COLLECTION, podNamed(`p${cut}`));
      await eventually(() => expect(sorted()).toHaveLength(cut));
      await eventually(() => expect(api.watches).toBe(1));
      expect([watch.lists, watch.watches]).toEqual([1, 1 + cut]);
    }
  },
);

test('versions that the API has forgotten lead to one list, whether the status or an event says so', async () => {
  const api = await StandInApi.open();
  api.put(COLLECTION, podNamed('a'));
  const { watch, sorted } = await follow(api);
  api.cut('expire');
  await eventually(() => expect([watch.lists, api.watches]).toEqual([2, 1]));
  // While the API does not answer, a pod is removed and forgotten.
  api.faults.isDown = true;
  api.cut('break');
  api.remove(COLLECTION, 'a');
  api.put(COLLECTION, podNamed('b'));
  api.compact();
  api.faults.isDown = false;
  await eventually(() => expect(sorted()).toEqual(['b']));
  expect(watch.lists).toBe(3);
});

test('a bookmark moves a quiet watch on, so that it outlives what the API forgets', async () => {
  const api = await StandInApi.open();
  const { watch, sorted } = await follow(api);
  for (let n = 0; n < 5; n++) api.put('games/leases', { metadata: { name: `other${n}` } });
  api.bookmark();
  api.put(COLLECTION, podNamed('seen'));
  await eventually(() => expect(sorted()).toEqual(['seen']));
  api.put('games/leases', { metadata: { name: 'last' } });
  api.bookmark();
  // The bookmark has arrived before the end of the stream.
  api.compact();
  api.cut('end');
  await eventually(() => expect([watch.watches, api.watches]).toEqual([2, 1]));
  expect(watch.lists).toBe(1);
});

test('while the API is down it is asked by one request at a time, after pauses that grow', async () => {
  const api = await StandInApi.open();
  const { watch, lines } = await follow(api);
  api.faults.isDown = true;
  api.cut('break');
  const before = api.count('WATCH pods');
  await eventually(() => expect(api.count('WATCH pods')).toBeGreaterThanOrEqual(before + 3));
  expect(api.watches).toBe(0);
  expect(lines).toEqual([expect.stringContaining('the pods cannot be watched: NL_KUBE')]);
  api.faults.isDown = false;
  await eventually(() => expect(api.watches).toBe(1));
  expect(watch.lists).toBe(1);
});

test('objects beyond the bound are left out, and the log says so', async () => {
  const api = await StandInApi.open();
  for (let n = 0; n < 3; n++) api.put(COLLECTION, podNamed(`p${n}`));
  const { sorted, lines } = await follow(api, { objectsMax: 4 });
  api.put(COLLECTION, podNamed('p3'));
  api.put(COLLECTION, podNamed('p4'));
  await eventually(() => expect(lines).toHaveLength(1));
  expect(sorted()).toEqual(['p0', 'p1', 'p2', 'p3']);
  api.remove(COLLECTION, 'p0');
  api.put(COLLECTION, podNamed('p5'));
  await eventually(() => expect(sorted()).toEqual(['p1', 'p2', 'p3', 'p5']));
});
