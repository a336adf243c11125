import { NearlightError } from '../base/errors.ts';
import type { CgroupAccess, NodeAccess } from './access.ts';
import { type Cgroup, leaveCgroups, openCgroup } from './cgroup.ts';
import { ownMounts } from './hierarchy.ts';
import type { OciBundle } from './oci-bundle.ts';
import { type CgroupStats, type Resources, TaskError } from './tasks.ts';

/** CPU shares of a pod's sandbox, which draws and encodes. The sandbox of an ordinary pod only waits, and gets 2 shares. */
const SANDBOX_SHARES = 1024;
/**
 * How long a game runs before it joins its cgroup: a machine's first move of a process into a cgroup takes longer than the rest
 * of a start.
 */
const GAME_DELAY_MS = 20;

export interface AccountingOptions {
  access: CgroupAccess;
  setOomScore: NodeAccess['setOomScore'];
  bundle: Pick<OciBundle, 'kind' | 'cgroupsPath' | 'resources' | 'oomScore' | 'env'>;
  /** The accounting of the pod's sandbox; undefined if there is none, and for the sandbox itself. */
  sandbox: Pick<Accounting, 'take'> | undefined;
  /** Ids of the host process and its supervisor, outside their namespaces. */
  hostPids: readonly number[];
  /** Ids of the processes of the game that runs now; empty for a sandbox. */
  guestPids(): readonly number[];
  /** Whether the container has ended. Nothing joins its cgroup after that. */
  hasEnded(): boolean;
  failed(error: Error): void;
}

/**
 * The cgroup of one container, and the order in which the kernel ends its processes when memory runs out. Both are set in the background,
 * so that the start of the container does not wait.
 */
export class Accounting {
  readonly #options: AccountingOptions;
  /** The container's cgroup; undefined if it has none. */
  readonly #cgroup: Cgroup | undefined;
  /** Whether the host counts as part of this container. */
  readonly #countsHost: boolean;
  /** Resolves when all changes to the cgroup so far, which run in the background, are done. */
  #settled: Promise<void> = Promise.resolve();

  /** @throws TaskError if the path of the cgroup is invalid; NearlightError NL_SETTING for an unknown value of HOST_ACCOUNTING */
  constructor(options: AccountingOptions) {
    this.#options = options;
    const { cgroupsPath, kind, env } = options.bundle;
    this.#countsHost = kind !== 'container' || isHostInContainer(env);
    this.#cgroup = cgroupsPath === '' ? undefined : openCgroup(cgroupsPath, ownMounts(), options.access);
  }

  /** Creates the cgroup, sets its limits, and moves the container's processes into it. */
  begin(): void {
    const { bundle, hostPids, guestPids, hasEnded } = this.#options;
    // A host does most of the work for its game and uses most of the pod's memory. So it counts as the game does, and not as the
    // sandbox of an ordinary pod, which only waits and is ended last.
    this.#rank(() => [...hostPids, ...guestPids()]);
    const cgroup = this.#cgroup;
    if (!cgroup) return;
    this.#then(async () => {
      await new Promise((resolve) => setTimeout(resolve, bundle.kind === 'sandbox' ? 0 : GAME_DELAY_MS));
      if (hasEnded()) return;
      await cgroup.create();
      await cgroup.limit(bundle.kind === 'sandbox' ? { cpu: { shares: SANDBOX_SHARES } } : bundle.resources);
      if (this.#countsHost) for (const pid of hostPids) await cgroup.add(pid);
      for (const guest of guestPids()) await cgroup.add(guest);
    });
  }

  /** Moves the processes in which the game now continues into the container's cgroup. */
  addGuest(): void {
    const { guestPids, hasEnded } = this.#options;
    this.#rank(guestPids);
    this.#then(async () => {
      if (!hasEnded()) for (const guest of guestPids()) await this.#cgroup?.add(guest);
    });
  }

  /** Returns what the container has used. @throws TaskError failedPrecondition for a container without a cgroup */
  async stats(): Promise<CgroupStats> {
    await this.#settled;
    if (!this.#cgroup) throw new TaskError('failedPrecondition', 'the container has no cgroup');
    return this.#cgroup.stats();
  }

  /** Changes the limits of the container's cgroup. A sandbox keeps its limits. */
  async limit(resources: Resources): Promise<void> {
    await this.#settled;
    await this.#cgroup?.limit(this.#options.bundle.kind === 'sandbox' ? {} : resources);
  }

  /** Whether the kernel has killed a process of the container because it used too much memory. */
  async hasRunOutOfMemory(): Promise<boolean> {
    return ((await this.#cgroup?.oomKills().catch(() => 0)) ?? 0) > 0;
  }

  /** Resolves when no change to the container's cgroup is under way in the background. */
  settled(): Promise<void> {
    return this.#settled;
  }

  /** Removes the container's cgroup. The host process leaves it first if it is in it. */
  async remove(): Promise<void> {
    if (!this.#cgroup) return;
    const { bundle, hostPids, access, sandbox } = this.#options;
    if (bundle.kind !== 'container') for (const pid of hostPids) await leaveCgroups(pid, access);
    else if (this.#countsHost) await sandbox?.take(hostPids);
    await this.#cgroup.remove();
  }

  /** Moves processes into the container's cgroup. */
  async take(pids: readonly number[]): Promise<void> {
    await this.#settled;
    for (const pid of pids) await this.#cgroup?.add(pid);
  }

  /** Sets the oom_score_adj of processes. Those of a container that has ended keep theirs. */
  #rank(pids: () => readonly number[]): void {
    const { bundle, setOomScore, hasEnded } = this.#options;
    const { oomScore } = bundle;
    if (oomScore === undefined) return;
    this.#then(async () => {
      if (!hasEnded()) for (const pid of pids()) await setOomScore(pid, oomScore);
    });
  }

  #then(step: () => Promise<void>): void {
    this.#settled = this.#settled.then(step).catch((error: Error) => this.#options.failed(error));
  }
}

/**
 * Whether a container asks for the host to be counted as part of it, rather than as the pod's overhead. Then its requests and limits
 * apply to both, and what counts containers alone, such as `kubectl top` and an autoscaler by CPU time, sees both.
 */
function isHostInContainer({ HOST_ACCOUNTING: value = 'overhead' }: Readonly<Record<string, string>>): boolean {
  if (value === 'overhead' || value === 'container') return value === 'container';
  throw new NearlightError('NL_SETTING', `HOST_ACCOUNTING=${value} is neither overhead nor container`);
}
