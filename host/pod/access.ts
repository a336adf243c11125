import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { type OciBundle, readOciBundle } from './oci-bundle.ts';
import { type Output, openOutput } from './stdio.ts';

/** Changes to cgroups, by absolute paths. Each rejects with the error of the system call, whose `code` is such as ENOENT. */
export interface CgroupAccess {
  /** The text of a file of a cgroup; undefined if it cannot be read. */
  read(path: string): Promise<string | undefined>;
  make(folder: string): Promise<void>;
  /** Writes to an existing file of a cgroup. */
  write(path: string, value: string): Promise<void>;
  remove(folder: string): Promise<void>;
}

/** The operations of a host that take privileges. A host without privileges asks its supervisor for them. */
export interface NodeAccess {
  /** Reads the OCI bundle in a folder. @throws as readOciBundle */
  readBundle(folder: string): Promise<OciBundle>;
  /** Opens the FIFO or file that containerd named for an output. @throws as openOutput */
  openOutput(path: string): Promise<Output>;
  /** Replaces the content of the file from which the kubelet reads why a container ended. */
  writeTermination(path: string, message: Uint8Array): Promise<void>;
  /**
   * Sets how readily the kernel ends a process when the node runs out of memory (OciBundle.oomScore).
   * @throws Error of the system call: EACCES without the right to lower the value
   */
  setOomScore(pid: number, value: number): Promise<void>;
  cgroups: CgroupAccess;
}

/** Makes each call at once: the start of a pod waits for the folders, and a worker thread costs more than the call. */
export const directCgroups: CgroupAccess = {
  read: (path) => readFile(path, 'utf8').catch(() => undefined),
  make: async (folder) => void mkdirSync(folder, { recursive: true }),
  // A cgroup folder refuses new files with EACCES, which would hide that the file is missing.
  write: async (path, value) => writeFileSync(path, value, { flag: 'r+' }),
  remove: async (folder) => rmdirSync(folder),
};

/** Uses this process's own privileges. */
export const directAccess: NodeAccess = {
  readBundle: async (folder) => readOciBundle(folder),
  openOutput: async (path) => openOutput(path),
  writeTermination: (path, message) => writeFile(path, message),
  setOomScore: async (pid, value) => writeFileSync(`/proc/${pid}/oom_score_adj`, String(value), { flag: 'r+' }),
  cgroups: directCgroups,
};
