/** The gRPC status codes with which requests of containerd are refused (google.rpc.Code). */
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

/** The reason for refusing a request of containerd, which shows it among the events of the Kubernetes pod. */
export class TaskError extends Error {
  readonly code: number;
  constructor(code: keyof typeof CODES | number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TaskError';
    this.code = typeof code === 'number' ? code : CODES[code];
  }
}

/** A mount that containerd asks for (containerd.types.Mount). */
export interface Mount {
  type: string;
  source: string;
  target: string;
  options: string[];
}

/** The FIFOs for a process's input and output, as paths; an empty path means that there is none. */
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

/** Identifies a container, or a process that exec added to it. `execId` is empty for the container itself. */
export interface ProcessRef {
  id: string;
  execId: string;
}

export interface ExecRequest extends ProcessRef, Stdio {
  /** The fields of `process` in the OCI runtime specification that we use. */
  process: { args: string[]; env: string[]; cwd: string };
}

export interface KillRequest extends ProcessRef {
  /** Number of the signal to send, such as 15 for SIGTERM. */
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
  /** Exit status from 0 to 255. A process that a signal ended has 128 plus the signal's number. */
  exitStatus: number;
  exitedAt: Date;
}

/** The resources that the processes of a cgroup have used. A limit of 0 means that there is none. */
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

/** The resource limits in LinuxResources of the OCI runtime specification that we use. */
export interface Resources {
  cpu?: { shares?: number; quota?: number; period?: number; cpus?: string };
  memory?: { limit?: number; swap?: number };
  pids?: { limit?: number };
}

/**
 * The service that containerd calls to run containers (containerd.task.v2 and v3), with plain records as messages.
 * Any method may throw a TaskError; the caller receives any other error as `internal`.
 */
export interface TaskService {
  create(request: CreateRequest): Promise<{ pid: number }>;
  start(ref: ProcessRef): Promise<{ pid: number }>;
  state(ref: ProcessRef): Promise<TaskState>;
  /** Resolves when the process has ended. */
  wait(ref: ProcessRef): Promise<TaskExit>;
  kill(request: KillRequest): Promise<void>;
  delete(ref: ProcessRef): Promise<TaskExit & { pid: number }>;
  /**
   * Returns the ids of a task's processes, at least one: after a restart, containerd 1.7 treats a task without processes as
   * leaked.
   */
  pids(id: string): Promise<number[]>;
  exec(request: ExecRequest): Promise<void>;
  stats(id: string): Promise<CgroupStats>;
  update(id: string, resources: Resources): Promise<void>;
  connect(id: string): Promise<{ shimPid: number; taskPid: number }>;
  shutdown(id: string, now: boolean): Promise<void>;
}
