import { createHash } from 'node:crypto';
import type { Log } from '../../base/log.ts';
import { VerdictFile } from './verdicts.ts';

/** The most digests of harmless shaders that are remembered. The oldest are forgotten. */
const KNOWN_MAX = 65_536;

export interface KnownOptions {
  /** Tells the GPU and its driver apart from others; see driverIdentity. */
  identity: string;
  /** CACHE_DIR, which has the file of verdicts. */
  folder: string;
  /** Whether this process adds to the verdicts in the file. */
  stores: boolean;
  /** Whether this process will lose the right to open the file of verdicts, and keeps it open for that. */
  keepsOpen?: boolean;
  log: Log;
}

/** The shaders and pipelines that are known to be harmless on one GPU and driver, in memory and in a file. */
export class KnownShaders {
  readonly identity: string;
  readonly #log: Log;
  readonly #file: VerdictFile;
  readonly #digests = new Set<string>();
  #isStoring = true;

  /** @throws NearlightError NL_SETTING if another user can write to the folder */
  constructor({ identity, folder, stores, keepsOpen = false, log }: KnownOptions) {
    this.identity = identity;
    this.#log = log;
    this.#file = new VerdictFile({ folder, identity, writable: stores, keepsOpen });
  }

  /** The digest of a key and of the GPU's driver. */
  digest(key: string): string {
    return createHash('sha256').update(this.identity).update(key).digest('base64');
  }

  has(digest: string): boolean {
    if (this.#digests.has(digest)) return true;
    const found = this.#file.has(digest);
    if (found) this.remember(digest);
    return found;
  }

  /** Remembers a digest without storing it. */
  remember(digest: string): void {
    const [oldest] = this.#digests;
    if (this.#digests.size >= KNOWN_MAX && oldest !== undefined) this.#digests.delete(oldest);
    this.#digests.add(digest);
  }

  /**
   * Remembers a digest, and stores it for the next start. After a failure it stores no more, so that a full disk does not fill the
   * log.
   */
  add(digest: string): void {
    this.remember(digest);
    if (!this.#isStoring) return;
    try {
      this.#file.add(digest);
    } catch (error) {
      this.#isStoring = false;
      this.#log('warn', `verdicts on shaders cannot be stored: ${(error as Error).message}`);
    }
  }
}
