import { exitStatus } from '../base/errors.ts';
import { jsonLine } from '../base/log.ts';
import type { Milli } from '../base/time.ts';
import { currentSpan } from '../base/trace-context.ts';
import type { NodeAccess } from './access.ts';
import type { Accounting } from './accounting.ts';
import type { Execs } from './execs.ts';
import { readGame } from './image.ts';
import type { OciBundle } from './oci-bundle.ts';
import type { ImageAccess, ImageLimits } from './opener.ts';
import type { GameRunner, LoadedGame } from './runner.ts';
import type { Task } from './task.ts';
import type { CreateRequest } from './tasks.ts';

/** The kubelet shows the first 4 KiB of a container's termination message (container.terminationMessagePath). */
const TERMINATION_BYTES_MAX = 4096;

/** One container of a pod. A container without a sandbox, as `ctr run` creates it, is its own sandbox. */
export interface Container {
  task: Task;
  bundle: OciBundle;
  execs: Execs;
  /** The container's game; undefined for a sandbox. */
  game: LoadedGame | undefined;
  accounting: Accounting;
  /** Whether containerd has sent the container SIGKILL. */
  killed: boolean;
}

export interface LoadGameOptions {
  runner: GameRunner;
  node: NodeAccess;
  images: ImageAccess;
  limits: ImageLimits;
  /** When containerd asked for the container, as performance.now() counts time. */
  createdAt: Milli;
  /** Whether the pod has its own network rather than the node's. */
  ownNetwork: boolean;
}

/**
 * Reads the game from a container's image and loads it. The container's outputs are open. If that fails, the container ends, and the kubelet gets the reason.
 * @throws NearlightError as readGame and GameRunner.load; TaskError if the image cannot be opened
 */
export async function loadGame(
  container: Container,
  { rootfs }: Pick<CreateRequest, 'rootfs'>,
  { runner, node, images, limits, createdAt, ownNetwork }: LoadGameOptions,
): Promise<void> {
  const { task, bundle, accounting } = container;
  try {
    const { module, assets } = await readGame({ images, rootfs, bundle, limits });
    container.game = await runner.load({
      name: bundle.name ?? 'game',
      module,
      assets,
      env: bundle.env,
      user: bundle.security.user,
      createdAt,
      hold: bundle.kind === 'container',
      ownNetwork,
      podUid: bundle.kind === 'container' ? bundle.podUid : undefined,
      renewed: () => accounting.addGuest(),
      log: (level, message, about) => task.stdout.write(jsonLine(level, message, { ...currentSpan().ids, ...about })),
    });
    task.pid = container.game.pid;
  } catch (error) {
    void writeTerminationMessage(node, bundle, (error as Error).message);
    task.end(exitStatus(error));
    throw error;
  }
}

/** Writes why a container ended to the file from which the kubelet reads it. */
export async function writeTerminationMessage(node: NodeAccess, { mounts }: OciBundle, message: string): Promise<void> {
  const mount = mounts.find(({ destination }) => destination === '/dev/termination-log');
  const text = firstBytes(message, TERMINATION_BYTES_MAX);
  if (mount) await node.writeTermination(mount.source, text).catch(() => {});
}

/** Returns the start of a text that has at most `bytesMax` bytes in UTF-8, without half a character at its end. */
function firstBytes(text: string, bytesMax: number): Uint8Array {
  const bytes = Buffer.alloc(bytesMax);
  return bytes.subarray(0, bytes.write(text));
}
