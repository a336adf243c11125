import { createRequire } from 'node:module';
import { NearlightError } from '../../base/errors.ts';
import { addonPath, buildNative } from './build.ts';

/** Memory shared with a child process, and a socket to it; addon.cc. */
export interface Channel {
  /** Detached, so of length 0, after close(). */
  readonly memory: ArrayBuffer;
  /** What the child needs: the memory and its end of the socket. */
  readonly childFds: [memory: number, socket: number];
  /** Closes the child's descriptors here, once it has them. */
  releaseChild(): void;
  /** Sends one byte, and up to two descriptors with it; false when the child is gone. */
  send(...fds: number[]): boolean;
  close(): void;
}

export interface Addon {
  /** `wake` runs on the event loop when the child has sent, or has closed its end. It must not throw. */
  Channel: new (
    bytes: number,
    wake: (closed: boolean) => void,
  ) => Channel;
  /** A descriptor of memory that holds these bytes and cannot be changed; the caller closes it. */
  sealed(bytes: Uint8Array): number;
}

let loaded: Addon | undefined;

/**
 * Builds what is out of date, and loads the addon.
 * @throws NearlightError NL_NO_WASMEDGE
 */
export async function loadAddon(): Promise<Addon> {
  if (loaded) return loaded;
  await buildNative();
  try {
    loaded = createRequire(import.meta.url)(addonPath) as Addon;
  } catch (error) {
    throw new NearlightError('NL_NO_WASMEDGE', `${addonPath} cannot be loaded; remove build/native and try again`, {
      cause: error,
    });
  }
  return loaded;
}
