import { expect, it } from 'vitest';
import { good } from '../../engine/modules.ts';
import { carryOn, sentOn } from '../../stream/carried.ts';
import { Peer, until } from '../../stream/peer.ts';
import { exited, ready, startContainer, startGame } from '../game.ts';
import { importGame } from '../image.ts';
import { latency, rig } from './rig.ts';

const QUERY = '?size=320x180&fps=30';
const KEYS = { CARRY_KEY: 'k'.repeat(32) };
/** A drain that no test waits for. */
const LONG = { DRAIN_SECONDS_MAX: '3600' };
const GRACE_SECONDS = 60;

async function join(url: string): Promise<Peer> {
  const peer = new Peer();
  await peer.join(url, { query: QUERY, tokens: 'new' });
  peer.beat();
  return peer;
}

/** Runs a command in a pod. @returns its exit status and what it has printed */
async function exec(container: string, command: string): Promise<[number, string]> {
  const { exitCode, stdout } = await rig.cri.exec(container, command);
  return [exitCode, stdout.toString().trim()];
}

/** Sends a second SIGTERM to a container. The kubelet sends one, and SIGKILL at the end of the grace period. */
const signalAgain = (container: string) => rig.ctr('-n', 'k8s.io', 'task', 'kill', '-s', 'SIGTERM', container);

it('SIGTERM begins a drain: those who play go on until a second one ends it, and then in another pod, without a click', async () => {
  const [first, second] = [
    await startGame(rig, latency, { env: { ...KEYS, ...LONG } }),
    await startGame(rig, latency, { env: KEYS }),
  ];
  await ready(rig, first.container);
  expect([await exec(first.container, 'state'), await exec(first.container, 'idle')]).toEqual([
    [0, 'ready'],
    [0, 'idle'],
  ]);
  const peer = await join(first.url);
  expect([await exec(first.container, 'state'), (await exec(first.container, 'idle'))[0]]).toEqual([
    [0, 'allocated'],
    1,
  ]);
  const stopping = rig.cri.stop(first.container, GRACE_SECONDS);
  await expect.poll(() => exec(first.container, 'state')).toEqual([0, 'draining']);
  await expect(join(first.url)).rejects.toThrow(/503.*NL_DRAINING/);
  const { pictures } = peer;
  await until(() => peer.pictures > pictures + 5, 'pictures during the drain');
  await signalAgain(first.container);
  await stopping;
  expect(await exited(rig, first.container)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  // The pod may also get another container, so the page waits until the pod ends.
  await until(() => peer.notices.at(-1)?.kind === 'paused', 'the notice "paused"');
  const removed = rig.cri.removePod(first.pod);
  expect((await sentOn(peer)).ticket).not.toBe('');
  const { peer: carried, joined } = await carryOn(peer, second.url, QUERY);
  expect(joined).toMatchObject({ game: 'game', seat: 0 });
  await until(() => carried.pictures > 2, 'pictures of the other pod');
  await removed;
  carried.close();
  await rig.cri.removePod(second.pod);
});

it('a container that follows a drained one in the same pod takes its players and new ones', async () => {
  const { pod, container, port, url } = await startGame(rig, latency, { env: LONG });
  await ready(rig, container);
  const peer = await join(url);
  expect(await exec(container, 'drain')).toEqual([0, 'draining']);
  expect((await exec(container, 'drain'))[0]).toBe(1);
  await signalAgain(container);
  await exited(rig, container);
  await rig.cri.remove(container);
  const { pictures } = peer;
  await startContainer(rig, { pod, image: latency, port, attempt: 1 });
  await until(() => peer.pictures > pictures + 2, 'pictures of the next container');
  const newcomer = await join(url);
  for (const each of [peer, newcomer]) each.close();
  await rig.cri.removePod(pod);
});

it('a container in which no one plays ends at once', async () => {
  const { pod, container } = await startGame(rig, latency, { env: LONG });
  await ready(rig, container);
  await rig.cri.stop(container, GRACE_SECONDS);
  expect(await exited(rig, container)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  await rig.cri.removePod(pod);
});

it('players of a game that fails again and again learn how long the kubelet takes, and keep their places', async () => {
  // A game makes 120 ticks before anyone plays.
  const tick = '(if (i32.eq (local.get 0) (i32.const 125)) (then (unreachable)))';
  const failing = await importGame(rig, 'failing', good({ tick }));
  const { pod, container, port, url } = await startGame(rig, failing);
  await ready(rig, container);
  const peer = await join(url);
  const paused = () => peer.notices.filter(({ kind }) => kind === 'paused');
  expect(await exited(rig, container)).toMatchObject({ exitCode: 20 });
  await until(() => paused().length === 1, 'the notice "paused"');
  await rig.cri.remove(container);
  const again = await startContainer(rig, { pod, image: failing, port, attempt: 1 });
  expect(await exited(rig, again)).toMatchObject({ exitCode: 20 });
  await until(() => paused().length === 2, 'the second notice "paused"');
  const [first, second] = paused() as { afterMs?: number }[];
  expect([first?.afterMs, (second?.afterMs ?? 0) > 10_000]).toEqual([undefined, true]);
  await rig.cri.remove(again);
  await startContainer(rig, { pod, image: latency, port, attempt: 2 });
  await until(() => peer.notices.at(-1)?.kind === 'joined', 'the notice "joined"');
  expect(peer.peerState).toBe('connected');
  peer.close();
  await rig.cri.removePod(pod);
});
