import { expect, it } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { hostOf } from '../../pod/run-folder.ts';
import { eventually } from '../../wait.ts';
import { expectNothingLeft, poll } from '../containerd.ts';
import { type Descriptors, descriptorsOf, moreDescriptors } from '../descriptors.ts';
import { ready, startContainer, startGame, supervisorOf } from '../game.ts';
import { latency, POOL_SIZE, poolIsFull, rig } from './rig.ts';

const PODS = 5;
const CONTAINERS_PER_POD = 10;
/** So many connections more are no leak. If each container left one, there would be as many as containers between the two counts. */
const CONNECTIONS_MORE = 2;

/** Waits until the keeper has nothing to do: it is connected with each waiting host, and watches it. Returns what it has open then. */
const keeperAtRest = () =>
  poll(
    () => {
      const open = descriptorsOf(rig.keeperPid());
      const hosts = [rig.warm().length, open[`connection of ${rig.runDir}/keeper.sock`], open.connection];
      return hosts.every((count) => count === POOL_SIZE) && open;
    },
    () => `the keeper does not come to rest: ${JSON.stringify(descriptorsOf(rig.keeperPid()))}`,
  );

/** Waits until processes have nothing more open than before, which they may have for a moment. */
const expectNoMore = (before: ReadonlyMap<number, Descriptors>, most = 0) =>
  eventually(() => {
    for (const [pid, open] of before) {
      const more = Object.entries(moreDescriptors(descriptorsOf(pid), open));
      expect(Object.fromEntries(more.filter(([, count]) => count > most))).toEqual({});
    }
  });

it(`${PODS * CONTAINERS_PER_POD} containers in ${PODS} pods leave no process, mount, socket, cgroup, file or descriptor`, async () => {
  await poolIsFull();
  const before = rig.inventory();
  let keeper: ReadonlyMap<number, Descriptors> | undefined;
  for (let round = 0; round < PODS; round++) {
    const { pod, port, ...first } = await startGame(rig, latency);
    let { container } = first;
    let host: ReadonlyMap<number, Descriptors> | undefined;
    for (let attempt = 1; attempt < CONTAINERS_PER_POD; attempt++) {
      await rig.cri.stop(container);
      await rig.cri.remove(container);
      container = await startContainer(rig, { pod, image: latency, port, attempt });
      if (attempt > 1 && attempt < CONTAINERS_PER_POD - 1) continue;
      await ready(rig, container);
      const supervisor = await supervisorOf(rig, pod);
      host ??= new Map([supervisor, hostOf(supervisor)].map((pid) => [pid, descriptorsOf(pid)]));
    }
    // containerd may connect to a pod's host again after the first count.
    await expectNoMore(must(host, 'descriptors'), CONNECTIONS_MORE);
    await rig.cri.removePod(pod);
    // From the second time on that a game starts, the keeper holds its code.
    keeper ??= new Map([[rig.keeperPid(), await keeperAtRest()]]);
  }
  await keeperAtRest();
  await expectNothingLeft(rig, before);
  await expectNoMore(must(keeper, 'descriptors'));
});
