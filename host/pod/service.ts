import { decode, encode, timestamp } from './proto.ts';
import {
  type CgroupStats,
  type Resources,
  TaskError,
  type TaskExit,
  type TaskService,
  type TaskState,
} from './tasks.ts';
import type { Method, Services } from './ttrpc.ts';

const STATUS = { created: 1, running: 2, stopped: 3 } as const;

/**
 * Returns the ttrpc methods of containerd's task service, for containerd 1.7 (v2) and containerd 2 (v3). Both use the same
 * messages.
 */
export function taskServices(tasks: TaskService): Services {
  const empty = new Uint8Array(0);
  const unimplemented = (what: string): Method => {
    return () => Promise.reject(new TaskError('unimplemented', `a game cannot be ${what}`));
  };
  const methods: Record<string, Method> = {
    Create: async (payload) => encode('CreateTaskResponse', await tasks.create(decode('CreateTaskRequest', payload))),
    Start: async (payload) => encode('StartResponse', await tasks.start(decode('ProcessRequest', payload))),
    State: async (payload) => encodeState(await tasks.state(decode('ProcessRequest', payload))),
    Wait: async (payload) => encode('WaitResponse', exit(await tasks.wait(decode('ProcessRequest', payload)))),
    Kill: async (payload) => {
      await tasks.kill(decode('KillRequest', payload));
      return empty;
    },
    Delete: async (payload) => {
      const deleted = await tasks.delete(decode('ProcessRequest', payload));
      return encode('DeleteResponse', { pid: deleted.pid, ...exit(deleted) });
    },
    Pids: async (payload) => {
      const pids = await tasks.pids(decode('IdRequest', payload).id);
      return encode('PidsResponse', { processes: pids.map((pid) => ({ pid })) });
    },
    Exec: async (payload) => {
      const { spec, ...request } = decode('ExecProcessRequest', payload);
      await tasks.exec({ ...request, process: readJson(spec?.value, 'the process to run') });
      return empty;
    },
    Stats: async (payload) =>
      encode('StatsResponse', { stats: metrics(await tasks.stats(decode('IdRequest', payload).id)) }),
    Update: async (payload) => {
      const { id, resources } = decode('UpdateTaskRequest', payload);
      await tasks.update(id, readJson<Resources>(resources?.value, 'the resources'));
      return empty;
    },
    Connect: async (payload) => {
      const pids = await tasks.connect(decode('IdRequest', payload).id);
      return encode('ConnectResponse', { ...pids, version: '' });
    },
    Shutdown: async (payload) => {
      const { id, now } = decode('ShutdownRequest', payload);
      await tasks.shutdown(id, now);
      return empty;
    },
    // A game has neither a terminal to resize nor an input to close, so these requests do nothing.
    ResizePty: async () => empty,
    CloseIO: async () => empty,
    Pause: unimplemented('paused'),
    Resume: unimplemented('resumed'),
    Checkpoint: unimplemented('checkpointed'),
  };
  return { 'containerd.task.v2.Task': methods, 'containerd.task.v3.Task': methods };
}

function exit({ exitStatus, exitedAt }: TaskExit): object {
  return { exitStatus, exitedAt: timestamp(exitedAt) };
}

function encodeState(state: TaskState): Uint8Array {
  const { status, exitedAt, ...rest } = state;
  return encode('StateResponse', {
    ...rest,
    status: STATUS[status],
    ...(exitedAt ? { exitedAt: timestamp(exitedAt) } : {}),
  });
}

function readJson<T>(bytes: Uint8Array | undefined, what: string): T {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString()) as T;
  } catch (cause) {
    throw new TaskError('invalidArgument', `${what} is not JSON`, { cause });
  }
}

/** Encodes a cgroup's statistics in the form that containerd and the kubelet expect (containerd/cgroups, stats). */
function metrics({ version, cpu, memory, pids }: CgroupStats): { typeUrl: string; value: Uint8Array } {
  if (version === 1) {
    const stat = {
      cache: memory.cacheBytes,
      rss: memory.rssBytes,
      pgFault: memory.pageFaults,
      pgMajFault: memory.majorPageFaults,
      inactiveFile: memory.inactiveFileBytes,
      totalCache: memory.cacheBytes,
      totalRss: memory.rssBytes,
      totalInactiveFile: memory.inactiveFileBytes,
      usage: { usage: memory.usageBytes, limit: memory.limitBytes },
      swap: { usage: memory.swapBytes },
    };
    const value = encode('Metrics1', {
      pids,
      cpu: {
        usage: { total: cpu.usageNs, kernel: cpu.systemNs, user: cpu.userNs },
        throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledNs },
      },
      memory: stat,
    });
    return { typeUrl: 'io.containerd.cgroups.v1.Metrics', value };
  }
  const value = encode('Metrics2', {
    pids,
    cpu: {
      usageUsec: Math.floor(cpu.usageNs / 1000),
      userUsec: Math.floor(cpu.userNs / 1000),
      systemUsec: Math.floor(cpu.systemNs / 1000),
      nrPeriods: cpu.periods,
      nrThrottled: cpu.throttledPeriods,
      throttledUsec: Math.floor(cpu.throttledNs / 1000),
    },
    memory: {
      anon: memory.rssBytes,
      file: memory.cacheBytes,
      inactiveFile: memory.inactiveFileBytes,
      pgfault: memory.pageFaults,
      pgmajfault: memory.majorPageFaults,
      usage: memory.usageBytes,
      usageLimit: memory.limitBytes,
      swapUsage: memory.swapBytes,
    },
    memoryEvents: { oomKill: memory.oomKills },
  });
  return { typeUrl: 'io.containerd.cgroups.v2.Metrics', value };
}
