import { expect, test } from 'vitest';
import { Marks } from '../../../host/fleet/allocate/marks.ts';
import { ManualClock } from '../../room/fake.ts';
import { StandInApi } from '../api.ts';
import { NAMESPACE, playersNamed, podNamed, Replica, reportFor, requestFor } from '../rig.ts';

const COLLECTION = `${NAMESPACE}/pods`;

async function start(count: number, gates = {}) {
  const api = await StandInApi.open();
  for (let n = 0; n < count; n++) {
    const pod = podNamed(`p${n}`, { uid: `u${n}` });
    api.put(COLLECTION, {
      ...pod,
      spec: { ...pod.spec, ...gates },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    });
  }
  const clock = new ManualClock();
  const replica = await new Replica({ url: api.url }, { clock }).start();
  const { servers, writer, client } = replica;
  const marks = new Marks({ client, servers, writer, log: () => {}, clock });
  const report = (...pods: ReturnType<typeof reportFor>[]) => servers.takeReport({ node: 'n1', pods });
  const meta = (name: string) => {
    const { labels, annotations } = api.get(COLLECTION, name)?.metadata ?? {};
    return [labels?.['nearlight/state'], annotations?.['controller.kubernetes.io/pod-deletion-cost']];
  };
  return { api, clock, replica, marks, report, meta };
}

test('the label and the cost of a pod follow its players, and a state that is shown already is not written again', async () => {
  const { api, marks, report, meta, replica } = await start(1);
  await marks.update();
  expect(meta('p0')).toEqual([undefined, undefined]);
  report(reportFor('u0'));
  await marks.update();
  expect(meta('p0')).toEqual(['ready', '0']);
  report(reportFor('u0', { taken: 3 }));
  await marks.update();
  expect(meta('p0')).toEqual(['allocated', '3']);
  await replica.allocator.allocate(requestFor(playersNamed('ada')));
  expect(meta('p0')).toEqual(['full', '4']);
  const { writer } = replica;
  const patches = writer.patches;
  await marks.update();
  expect([writer.patches, api.count('PATCH pods')]).toEqual([patches, patches]);
  report(reportFor('u0', { state: 'draining', taken: 1 }));
  await marks.update();
  expect(meta('p0')).toEqual(['draining', '2']);
});

test('a pod of a node that is lost says so', async () => {
  const { marks, report, meta, clock } = await start(1);
  report(reportFor('u0', { taken: 1 }));
  await marks.update();
  clock.jump(4000);
  await marks.update();
  expect(meta('p0')).toEqual(['lost', '1']);
});

test('a pod with the readiness gate gets the condition, which leaves others alone', async () => {
  const { api, marks, report } = await start(1, { readinessGates: [{ conditionType: 'nearlight/playable' }] });
  const conditions = () => (api.get(COLLECTION, 'p0')?.status as { conditions: object[] } | undefined)?.conditions;
  report(reportFor('u0', { state: 'starting' }));
  await marks.update();
  expect(conditions()).toMatchObject([
    { type: 'Ready', status: 'True' },
    { type: 'nearlight/playable', status: 'False', reason: 'Starting' },
  ]);
  report(reportFor('u0'));
  await marks.update();
  expect(conditions()).toMatchObject([{ type: 'Ready' }, { status: 'True', reason: 'Playable' }]);
  report(reportFor('u0', { taken: 4 }));
  await marks.update();
  expect(api.count('PATCH pods')).toBe(5);
  const before = api.count('PATCH pods');
  await marks.update();
  expect(api.count('PATCH pods')).toBe(before);
  report(reportFor('u0', { state: 'draining', taken: 4 }));
  await marks.update();
  expect(conditions()).toMatchObject([{ type: 'Ready' }, { status: 'False', reason: 'Draining' }]);
});

test('marks are written at a bounded rate, and none is forgotten', async () => {
  const { api, marks, report, clock } = await start(150);
  report(...Array.from({ length: 150 }, (_, n) => reportFor(`u${n}`)));
  const marked = () =>
    api.all(COLLECTION).filter(({ metadata }) => metadata.labels?.['nearlight/state'] === 'ready').length;
  for (let turn = 0; turn < 20; turn++) await marks.update();
  expect(marked()).toBe(100);
  clock.jump(500);
  report(...Array.from({ length: 150 }, (_, n) => reportFor(`u${n}`)));
  for (let turn = 0; turn < 20; turn++) await marks.update();
  expect(marked()).toBe(125);
  clock.jump(500);
  report(...Array.from({ length: 150 }, (_, n) => reportFor(`u${n}`)));
  for (let turn = 0; turn < 20; turn++) await marks.update();
  expect(marked()).toBe(150);
});
