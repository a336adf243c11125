import { must } from '../../host/base/assert.ts';
import { parentOf } from '../../host/pod/process.ts';
import { poll, type Rig } from './containerd.ts';
import type { ContainerOptions } from './cri.ts';

/** Number of ports for the games of one test file. Files that run at the same time have workers of different numbers. */
const PORTS = 500;

/** TCP port of the next game. Each game in the node's network needs its own port. */
let port = 18_500 + PORTS * Number(process.env.VITEST_POOL_ID ?? 0);

/** A running game in its own pod, which uses the node's network. */
export interface RunningGame {
  pod: string;
  container: string;
  port: number;
  url: string;
}

/** Runs an image in a new pod as the kubelet does; resolves when its container has started. */
export async function startGame(
  rig: Rig,
  image: string,
  {
    namespace,
    ...options
  }: Pick<ContainerOptions, 'env' | 'memoryBytes' | 'oomScoreAdj' | 'security'> & { namespace?: string } = {},
): Promise<RunningGame> {
  const own = port++;
  const pod = await rig.cri.runPod({ name: `game${own}`, ...(namespace === undefined ? {} : { namespace }) });
  const container = await startContainer(rig, { pod, image, port: own, ...options });
  return { pod, container, port: own, url: `http://127.0.0.1:${own}/` };
}

/** Runs a container in an existing pod. */
export async function startContainer(
  { cri }: Rig,
  { pod, port, env, ...options }: Omit<ContainerOptions, 'name'> & { pod: string; port: number },
): Promise<string> {
  const container = await cri.create(pod, {
    name: 'game',
    env: { PORT: String(port), OPERATOR_PORT: '0', ...env },
    ...options,
  });
  await cri.start(container);
  return container;
}

/** Waits until a container has ended; resolves with the container's status. */
export function exited({ cri }: Rig, container: string) {
  return poll(async () => {
    const status = await cri.status(container);
    return status.state === 'CONTAINER_EXITED' && status;
  }, 'the container does not end');
}

/** Waits until players can join a container's game. */
export function ready({ cri }: Rig, container: string) {
  return poll(async () => (await cri.exec(container, 'health')).exitCode === 0, 'the game is not ready');
}

/** The id of the supervisor of a pod's host, by which the run folder knows the host. */
export async function supervisorOf({ cri }: Rig, podSandboxId: string): Promise<number> {
  return must(parentOf(await cri.sandboxPid(podSandboxId)), 'supervisor');
}
