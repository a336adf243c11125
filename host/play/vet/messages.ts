import type { Trial } from '../../gpu/vetting.ts';

/*
 * Messages between the host and a trial process (host/play/vet/child.ts), each one line of JSON. The process first says that it
 * is ready, then answers each trial with a report.
 */

/** The first message of a trial process, which it sends before it reads anything. */
export interface Ready {
  /** Tells the GPU and its driver apart from others; see driverIdentity. */
  identity: string;
  /** Its process id as the host sees it. */
  pid: number;
  /** The layers that confine it, as a bit mask (host/base/layers.ts). */
  layers: number;
}

export interface Request {
  trial: Trial;
}

/** The answer to a trial that did not end the process. */
export type Report =
  | {
      outcome: 'harmless';
      /** Milliseconds for which the calls of WebGPU kept the thread that made them. The rest ran on other threads. */
      blockedMs: number;
      /** Processor time of all threads for using the pipeline once. Some drivers execute nothing else meanwhile. */
      usedMs: number;
      /** Why the pipeline was not used; undefined for a pipeline that was. */
      unused?: string | undefined;
    }
  /** The check that comes before the compiler found the shader too large. */
  | { outcome: 'refused'; message: string; isOverrun: boolean }
  /** The driver could not compile or use the shader, for another reason than that the shader is invalid. */
  | { outcome: 'failed'; message: string };
