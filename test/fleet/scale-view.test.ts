import { beforeEach, describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { NODE_MS_MAX, Servers } from '../../host/fleet/allocate/servers.ts';
import type { Pod } from '../../host/fleet/kube/object.ts';
import { addUp } from '../../host/fleet/scale/load.ts';
import { ScaleView } from '../../host/fleet/scale-view.ts';
import { at } from '../at.ts';
import { NAMESPACE, podNamed, reportFor } from './rig.ts';

const ARENA = { namespace: NAMESPACE, game: 'arena' };
const LABELS = { 'app.kubernetes.io/name': 'arena' };
const EPOCH_MS = 1_800_000_000_000;

let now: number;
let servers: Servers;
let view: ScaleView;
beforeEach(() => {
  now = 0;
  const clock = { now: () => milli(now) };
  servers = new Servers({ region: '', log: () => {}, clock, now: () => EPOCH_MS + now });
  view = new ScaleView({
    servers,
    allocator: { waitingFor: (game) => (game === 'arena' ? 7 : 0) },
    leads: () => true,
    clock,
    now: () => EPOCH_MS + now,
  });
});

function addPod(uid: string, change: Partial<Pod> = {}, labels: Record<string, string> = LABELS): void {
  servers.setPod({ ...podNamed(uid, { uid, labels }), ...change });
}

describe("the scaler's view of the fleet", () => {
  test('a server is a pod of the game with the report of its node', () => {
    addPod('a');
    addPod('b');
    addPod('c', {}, { 'app.kubernetes.io/name': 'model' });
    const measures = { sessions: 3, frameP99Ms: 20, unheardOf: 5 };
    servers.takeReport({ node: 'n1', pods: [reportFor('a', { taken: 3, measures }), reportFor('b')] });
    expect(view.servers(ARENA)).toEqual([
      {
        state: 'allocated',
        seats: { all: 4, taken: 3, reserved: 0 },
        measures: { sessions: 3, frameP99Ms: 20 },
        at: EPOCH_MS,
      },
      { state: 'ready', seats: { all: 4, taken: 0, reserved: 0 }, measures: {}, at: EPOCH_MS },
    ]);
    expect([view.wanted(ARENA), view.waiting(ARENA)]).toEqual([2, 7]);
    expect(view.servers({ ...ARENA, namespace: 'other' })).toEqual([]);
  });

  test('measures that are not valid are left out', () => {
    addPod('a');
    servers.takeReport({ node: 'n1', pods: [reportFor('a', { measures: { sessions: -1 } })] });
    expect(at(view.servers(ARENA), 0).measures).toEqual({});
  });

  test('pods that are being deleted, or have ended, are none', () => {
    const { metadata } = podNamed('a', { uid: 'a', labels: LABELS });
    servers.setPod({ metadata: { ...metadata, deletionTimestamp: '2026-11-28T12:00:00Z' } });
    addPod('b', { status: { phase: 'Failed' } });
    addPod('c', { status: { phase: 'Succeeded' } });
    expect(view.servers(ARENA)).toEqual([]);
  });

  test('a pod without a report starts, and one that is ready or has reported before says nothing', () => {
    addPod('starts');
    addPod('ready', { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });
    addPod('lost');
    servers.takeReport({ node: 'n1', pods: [reportFor('lost', { taken: 2 })] });
    now += NODE_MS_MAX + 1;
    servers.tick();
    const seen = view.servers(ARENA);
    expect(seen.map(({ state, at }) => [state, at])).toEqual([
      ['starting', undefined],
      ['ready', undefined],
      ['ready', undefined],
    ]);
    expect(addUp(seen, { now: EPOCH_MS + now, staleMs: 1000 })).toMatchObject({ servers: 3, unknown: 2, occupied: 2 });
  });
});
