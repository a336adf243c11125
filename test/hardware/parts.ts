import type { Reporter } from './report.ts';

/** A part of the hardware measurements. It runs in a process of its own, so that its end is not the end of the other parts. */
export interface Part {
  name: string;
  about: string;
  /** Point in time after which this part of the hardware test begins no further measurement. */
  seconds: number;
  load(): Promise<{ run(report: Reporter): Promise<void> }>;
}

/** Name of the part of the measurements that only says which GPU adapter a Vulkan driver offers. */
export const PROBE = 'probe';

/**
 * All parts of the hardware measurements, the most telling ones first. `endless` hangs the GPU if the host does
 * not end its shader, so only `afterwards` follows it.
 */
export const PARTS: readonly Part[] = [
  {
    name: PROBE,
    about: 'which adapter a driver offers',
    seconds: 20,
    load: () => import('./parts/probe.ts'),
  },
  {
    name: 'adapter',
    about: 'the adapter, its driver, features and limits',
    seconds: 20,
    load: () => import('./parts/adapter.ts'),
  },
  {
    name: 'goldens',
    about: 'pictures against the golden ones, and modules against their ports on the same device',
    seconds: 60,
    load: () => import('./parts/goldens.ts'),
  },
  {
    name: 'animometer',
    about: 'the module on the JavaScript engine against the same program in TypeScript',
    seconds: 60,
    load: () => import('./parts/animometer.ts'),
  },
  {
    name: 'determinism',
    about: 'the same game twice: equal commands and equal pictures',
    seconds: 40,
    load: () => import('./parts/determinism.ts'),
  },
  {
    name: 'frames',
    about: 'one room of the arena as fast as it goes: GPU time and readback',
    seconds: 30,
    load: () => import('./parts/frames.ts'),
  },
  {
    name: 'rooms',
    about: 'rooms of the arena on one device, each with one player at 60 pictures a second',
    seconds: 135,
    load: () => import('./parts/rooms.ts'),
  },
  {
    name: 'pods',
    about: 'rooms in processes of their own, each with one player whose pictures are encoded',
    seconds: 130,
    load: () => import('./parts/pods.ts'),
  },
  {
    name: 'memory',
    about: 'GPU_BYTES_MAX, and what is left on the device after rooms are closed',
    seconds: 40,
    load: () => import('./parts/memory.ts'),
  },
  {
    name: 'endless',
    about: 'a room whose shader never ends, beside a room without a fault',
    seconds: 50,
    load: () => import('./parts/endless.ts'),
  },
  {
    name: 'afterwards',
    about: 'whether a new process can use the GPU after the shader that never ends',
    seconds: 15,
    load: () => import('./parts/afterwards.ts'),
  },
];
