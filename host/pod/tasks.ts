/** gRPC status codes that the task service answers with (google.rpc.Code). */
export const CODES = {
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** A request that is refused; containerd shows the message in the pod's events. */
export class TaskError extends Error {
  readonly code: number;
  constructor(code: keyof typeof CODES | number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TaskError';
    this.code = typeof code === 'number' ? code : CODES[code];
  }
}

/** containerd.types.Mount. */
export interface Mount {
  type: string;
  source: string;
  target: string;
  options: string[];
}

/** Paths of FIFOs; empty where there is none. */
export interface Stdio {
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
}

export interface CreateRequest extends Stdio {
  id: string;
  /** Folder of the OCI bundle. */
  bundle: string;
  rootfs: Mount[];
}

/** Names a container, or a process that exec added to it; `execId` is empty for the container itself. */
export interface ProcessRef {
  id: string;
  execId: string;
}

export interface ExecRequest extends ProcessRef, Stdio {
  /** Process of the OCI runtime specification, as far as it is used. */
  process: { args: string[]; env: string[]; cwd: string };
}

export interface KillRequest extends ProcessRef {
  /** Number of the signal. */
  signal: number;
  all: boolean;
}

export interface TaskState extends ProcessRef, Stdio {
  bundle: string;
  pid: number;
  status: 'created' | 'running' | 'stopped';
  exitStatus: number;
  exitedAt: Date | undefined;
}

/** How a process ended. */
export interface TaskExit {
  /** 0 to 255; 128 and the signal's number where a signal ended it. */
  exitStatus: number;
  exitedAt: Date;
}

/** What a cgroup has used: nanoseconds, bytes, counts. A limit of 0 is none. */
export interface CgroupStats {
  version: 1 | 2;
  cpu: {
    usageNs: number;
    userNs: number;
    systemNs: number;
    periods: number;
    throttledPeriods: number;
    throttledNs: number;
  };
  memory: {
    usageBytes: number;
    limitBytes: number;
    rssBytes: number;
    cacheBytes: number;
    inactiveFileBytes: number;
    swapBytes: number;
    pageFaults: number;
    majorPageFaults: number;
    oomKills: number;
  };
  pids: { current: number; limit: number };
}

/** LinuxResources of the OCI runtime specification, as far as it is used. */
export interface Resources {
  cpu?: { shares?: number; quota?: number; period?: number; cpus?: string };
  memory?: { limit?: number; swap?: number };
  pids?: { limit?: number };
}

/**
 * The task service of a shim (containerd.task.v2 and v3), in plain records.
 * Every method may throw a TaskError; any other error is answered as internal.
 */
export interface Tasks {
  create(request: CreateRequest): Promise<{ pid: number }>;
  start(ref: ProcessRef): Promise<{ pid: number }>;
  state(ref: ProcessRef): Promise<TaskState>;
  /** Resolves when the process has ended. */
  wait(ref: ProcessRef): Promise<TaskExit>;
  kill(request: KillRequest): Promise<void>;
  delete(ref: ProcessRef): Promise<TaskExit & { pid: number }>;
  /** Never empty while the task exists: containerd 1.7 takes an empty answer for a leaked task after its restart. */
  pids(id: string): Promise<number[]>;
  exec(request: ExecRequest): Promise<void>;
  stats(id: string): Promise<CgroupStats>;
  update(id: string, resources: Resources): Promise<void>;
  connect(id: string): Promise<{ shimPid: number; taskPid: number }>;
  shutdown(id: string, now: boolean): Promise<void>;
}
