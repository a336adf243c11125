import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { threadState } from '../../../host/pod/process.ts';
import { pushImage } from '../../../oci/push.ts';
import { parseReference, Registry } from '../../../oci/registry.ts';
import { openGame, pictureColour, startBrowser } from '../../e2e/host.ts';
import { good } from '../../engine/modules.ts';
import { type Distribution, startDistribution } from '../../oci/distribution.ts';
import { createGameImage } from '../../oci/game-image.ts';
import { poll, trustRegistry } from '../containerd.ts';
import { ready, startGame } from '../game.ts';
import { guestOf } from '../guest.ts';
import { importGame } from '../image.ts';
import { latency, moduleOf, rig } from './rig.ts';

const PROBES = 100;

let registry: Distribution;
/** latency.wasm as an image in the registry. */
let image: string;

beforeAll(async () => {
  registry = await startDistribution();
  trustRegistry(rig, registry.address);
  image = `${registry.address}/games/latency:1`;
  const created = await createGameImage({ module: moduleOf('latency'), title: 'latency', version: '1' });
  await pushImage(new Registry(parseReference(image)), created, '1', () => {});
});

afterAll(() => registry?.close());

it('a game is pulled from a registry and runs', async () => {
  await expect(rig.cri.pull(`${registry.address}/games/chess:1`)).rejects.toThrow(/not found/);
  expect((await rig.cri.pull(image)).imageRef).toMatch(/sha256:/);
  const { pod, container } = await startGame(rig, image);
  await ready(rig, container);
  await rig.cri.removePod(pod);
});

it('the limits of a running game can be changed, and its pod has statistics', async () => {
  const { pod, container } = await startGame(rig, latency, { memoryBytes: 128 * 2 ** 20 });
  await ready(rig, container);
  const limit = () => {
    const folder = join(rig.cri.cgroupParent(pod), container);
    const files = [`memory${folder}/memory.limit_in_bytes`, `.${folder}/memory.max`];
    const path = files.map((file) => join('/sys/fs/cgroup', file)).find(existsSync);
    return path && Number(readFileSync(path, 'utf8'));
  };
  await poll(() => limit() === 128 * 2 ** 20, 'the first limit is not set');
  const linux = { memoryLimitInBytes: 256 * 2 ** 20 };
  await rig.cri.call('updateContainerResources', { containerId: container, linux });
  expect(limit()).toBe(256 * 2 ** 20);
  await poll(async () => {
    const { stats } = await rig.cri.call<{
      stats: {
        linux: { cpu: { usageCoreNanoSeconds: { value: number } }; memory: { workingSetBytes: { value: number } } };
      };
    }>('podSandboxStats', { podSandboxId: pod });
    const { cpu, memory } = stats.linux;
    return cpu.usageCoreNanoSeconds.value > 0 && memory.workingSetBytes.value > 0;
  }, 'no statistics of the pod');
  await rig.cri.removePod(pod);
});

it("the kernel ends a game and its host in the order that the kubelet has given the game's container", async () => {
  const value = 900;
  const { pod, container } = await startGame(rig, latency, { oomScoreAdj: value });
  const guest = await guestOf(rig, { pod, container });
  const score = (pid: number) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
  const host = await rig.cri.sandboxPid(pod);
  await poll(() => [guest, host].every((pid) => score(pid) === value), 'the order is not set');
  await rig.cri.removePod(pod);
});

it('a host counts as part of its container if the container asks for that, and of the sandbox again afterwards', async () => {
  const { pod, container } = await startGame(rig, latency, { env: { HOST_ACCOUNTING: 'container' } });
  const host = await rig.cri.sandboxPid(pod);
  const isIn = (id: string) => readFileSync(`/proc/${host}/cgroup`, 'utf8').includes(`/${id}\n`);
  await poll(() => isIn(container), 'the host is not in the cgroup of the container');
  const cpuNs = async () => {
    const { stats } = await rig.cri.call<{ stats: { cpu: { usageCoreNanoSeconds: { value: number } } } }>(
      'containerStats',
      { containerId: container },
    );
    return stats.cpu.usageCoreNanoSeconds.value;
  };
  const [ranMs, before] = [threadState(host).scheduled?.ranMs ?? 0, await cpuNs()];
  await rig.cri.exec(container, 'snapshot', '1280x720');
  await poll(async () => (await cpuNs()) - before >= 1e6, 'the work of the host does not count');
  expect(threadState(host).scheduled?.ranMs).toBeGreaterThan(ranMs);
  await rig.cri.stop(container);
  await rig.cri.remove(container);
  expect(isIn(pod)).toBe(true);
  const next = await rig.cri.create(pod, {
    name: 'game',
    image: latency,
    env: { HOST_ACCOUNTING: 'both' },
    attempt: 1,
  });
  await expect(rig.cri.start(next)).rejects.toThrow('HOST_ACCOUNTING=both is neither overhead nor container');
  await rig.cri.removePod(pod);
});

it("a container's log continues in a new file after its rotation", async () => {
  const chatty = await importGame(
    rig,
    'chatty',
    good({
      fields: '(data (i32.const 8192) "a line")',
      tick: '(call $log (i32.const 2) (i32.const 8192) (i32.const 6))',
    }),
  );
  const { pod, container } = await startGame(rig, chatty);
  const path = rig.cri.logPath(pod, 'game');
  const lines = () => rig.cri.log(pod, 'game').filter((line) => line.includes('a line')).length;
  await poll(() => lines() > 0, 'no line in the log');
  renameSync(path, `${path}.1`);
  await rig.cri.call('reopenContainerLog', { containerId: container });
  await poll(() => lines() > 0, 'no line in the new file');
  await rig.cri.removePod(pod);
});

it(`a game answers ${PROBES} probes at once`, async () => {
  const { pod, container } = await startGame(rig, latency);
  await ready(rig, container);
  const probes = await Promise.all(Array.from({ length: PROBES }, () => rig.cri.exec(container, 'players')));
  expect(probes.map(({ exitCode, stdout }) => `${exitCode} ${stdout}`)).toEqual(Array(PROBES).fill('0 0\n'));
  await rig.cri.removePod(pod);
});

it('a browser plays a game over the network of its pod', async () => {
  const pod = await rig.cri.runPod({ name: 'browser', hostNetwork: false });
  const container = await rig.cri.create(pod, { name: 'game', image: latency });
  await rig.cri.start(container);
  await ready(rig, container);
  const browser = await startBrowser();
  try {
    const page = await openGame(browser, `http://${await rig.cri.podAddress(pod)}:8080/?size=320x180`);
    await page.locator('#play').click();
    const brightness = async () => Math.max(...(await pictureColour(page)));
    await expect.poll(brightness).toBeLessThan(10);
    await page.keyboard.down('KeyW');
    await expect.poll(brightness).toBeGreaterThan(245);
    expect((await rig.cri.exec(container, 'players')).stdout.toString()).toBe('1\n');
  } finally {
    await browser.close();
    await rig.cri.removePod(pod);
  }
});
