import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { HOSTS_MAX, Hosts } from '../../../host/edge/link/hosts.ts';
import { HOST_MS_MAX, SESSIONS_MAX } from '../../../host/edge/link/protocol.ts';
import { reportFor } from '../../base/server-report.ts';
import { ManualClock } from '../../room/fake.ts';

function setUp() {
  const clock = new ManualClock();
  const places = new Map<string, number>();
  const count = (more: number) => (id: string) => void places.set(id, (places.get(id) ?? 0) + more);
  const hosts = new Hosts({ clock, take: count(1), free: count(-1) });
  const attend = (host: string, has: Record<string, number>, sessions: string[] = []) =>
    hosts.attend({ host, places: new Map(Object.entries(has)), sessions });
  return { clock, places, hosts, attend };
}

test('what a host has replaces what it had, and hosts are added up', () => {
  const { places, attend } = setUp();
  const [first, second] = [randomUUID(), randomUUID()];
  attend(first, { ada: 2, bob: 1 });
  attend(second, { ada: 1 });
  expect(places).toEqual(new Map(Object.entries({ ada: 3, bob: 1 })));
  attend(first, { bob: 3 });
  attend(first, { bob: 3 });
  expect(places).toEqual(new Map(Object.entries({ ada: 1, bob: 3 })));
});

test('a host that has left, or has said nothing for too long, has nothing', () => {
  const { clock, places, hosts, attend } = setUp();
  const [first, second] = [randomUUID(), randomUUID()];
  attend(first, { ada: 1 }, ['s1']);
  attend(second, { bob: 1 }, ['s2']);
  hosts.leave(first);
  expect([places.get('ada'), hosts.sessions()]).toEqual([0, ['s2']]);
  clock.jump(HOST_MS_MAX - 1);
  hosts.expire();
  expect([places.get('bob'), hosts.size]).toEqual([1, 1]);
  clock.jump(1);
  hosts.expire();
  expect([places.get('bob'), hosts.size, hosts.sessions()]).toEqual([0, 0, []]);
});

test('a session runs from its report on, also if the host has not been heard yet, to the report of its end', () => {
  const { hosts, attend } = setUp();
  const host = randomUUID();
  hosts.begin(host, 's1');
  expect(hosts.sessions()).toEqual(['s1']);
  attend(host, {}, ['s1', 's2']);
  hosts.end(host, 's1');
  expect(hosts.sessions()).toEqual(['s2']);
  for (let n = 0; n < SESSIONS_MAX + 5; n++) hosts.begin(host, `more${n}`);
  expect(hosts.sessions()).toHaveLength(SESSIONS_MAX);
});

test('the number of hosts is bounded, and one that is known may go on', () => {
  const { hosts, attend } = setUp();
  const first = randomUUID();
  attend(first, {});
  for (let n = 1; n < HOSTS_MAX; n++) attend(randomUUID(), {});
  expect(() => attend(randomUUID(), {})).toThrow('NL_EDGE_REQUEST');
  attend(first, {});
  expect(hosts.size).toBe(HOSTS_MAX);
});

test('game servers are those that have said lately how they are, each once', () => {
  const { clock, hosts } = setUp();
  const attend = (host: string, uid?: string, taken = 0) =>
    hosts.attend({ host, places: new Map(), sessions: [], ...(uid ? { server: reportFor(uid, { taken }) } : {}) });
  const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
  attend(first, 'u1', 1);
  attend(second);
  expect(hosts.servers()).toEqual([reportFor('u1', { taken: 1 })]);
  clock.jump(1);
  // The sandbox of a pod has been replaced.
  attend(third, 'u1', 2);
  expect(hosts.servers()).toEqual([reportFor('u1', { taken: 2 })]);
  attend(second, 'u2');
  clock.jump(2998);
  expect(hosts.servers()).toHaveLength(2);
  clock.jump(2);
  expect([hosts.servers(), hosts.size]).toEqual([[], 3]);
  attend(first, 'u1');
  hosts.leave(first);
  expect(hosts.servers()).toEqual([]);
});
