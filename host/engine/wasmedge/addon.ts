import { createRequire } from 'node:module';
import { NearlightError } from '../../base/errors.ts';
import { addonPath, buildNative } from './build.ts';

/** Memory shared with a child process, and a socket to that process (addon.cc). */
export interface Channel {
  /** The shared memory. close() detaches it, after which its length is 0. */
  readonly memory: ArrayBuffer;
  /** The two file descriptors that the child must inherit. */
  readonly childFds: [memory: number, socket: number];
  /** Closes `childFds` in this process, once the child has inherited them. */
  releaseChild(): void;
  /** Sends the child one byte and up to two file descriptors. Returns false if that fails, as when its socket is closed. */
  send(...fds: number[]): boolean;
  close(): void;
}

export interface Addon {
  /** `wake` runs on the event loop when the child has sent something or closed its end of the socket. It must not throw. */
  Channel: new (
    bytes: number,
    wake: (closed: boolean) => void,
  ) => Channel;
  /** Returns a file descriptor of memory that holds `bytes` and cannot be changed. The caller closes the descriptor. */
  sealed(bytes: Uint8Array): number;
  /** Returns a file descriptor of empty memory, to which another process can write. The caller closes the descriptor. */
  memory(): number;
}

let loaded: Addon | undefined;

/**
 * Loads the Node addon of addon.cc, and first builds it if it is missing or out of date.
 * @throws NearlightError NL_NO_WASMEDGE
 */
export async function loadAddon(): Promise<Addon> {
  if (loaded) return loaded;
  await buildNative();
  try {
    loaded = createRequire(import.meta.url)(addonPath) as Addon;
  } catch (error) {
    throw new NearlightError('NL_NO_WASMEDGE', `${addonPath} cannot be loaded; delete build/native and try again`, {
      cause: error,
    });
  }
  return loaded;
}
