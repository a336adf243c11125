import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

export interface WatchOptions {
  /** The folder to watch. It need not exist, and may be deleted and created again. */
  folder: string;
  /** Tells whether a file with this name is watched. */
  filter(name: string): boolean;
  onChange(): void;
  /** Milliseconds between two scans of the folder that no file system event triggers; SCAN_MS by default. */
  scanMs?: number;
}

/** An editor may save a file in several steps, which are reported as one change. */
const SETTLE_MS = 15;
/** Some network and container file systems send no events, so the folder is also scanned at this interval. */
const SCAN_MS = 1000;
/** Scanning the folder may take at most this fraction of the elapsed time. */
const SCAN_FRACTION = 0.05;

/**
 * Reports when a file below a folder is written, created, renamed or deleted. It watches each subfolder separately, because
 * Node's recursive watching on Linux misses files that are replaced by a rename. An event only starts a scan, and a change
 * is reported if the scan finds one.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  /** The files that the last scan found, with their sizes and times. */
  #known: string;
  #settleTimer: NodeJS.Timeout | undefined;
  #scanTimer: NodeJS.Timeout | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#known = this.#scan();
    this.#schedule(0);
  }

  close(): void {
    clearTimeout(this.#settleTimer);
    clearTimeout(this.#scanTimer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  readonly #check = (): void => {
    clearTimeout(this.#scanTimer);
    const begun = performance.now();
    const found = this.#scan();
    this.#schedule(performance.now() - begun);
    if (found === this.#known) return;
    this.#known = found;
    this.#options.onChange();
  };

  #schedule(tookMs: number): void {
    this.#scanTimer = setTimeout(this.#check, Math.max(this.#options.scanMs ?? SCAN_MS, tookMs / SCAN_FRACTION));
  }

  readonly #onEvent = (): void => {
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(this.#check, SETTLE_MS);
  };

  /** Lists the files with their sizes and times, and watches every folder that it finds. */
  #scan(): string {
    const files: string[] = [];
    const folders = new Map<string, string>();
    list(this.#options.filter, this.#options.folder, files, folders);
    for (const [key, watcher] of this.#watchers) {
      if (folders.delete(key)) continue;
      watcher.close();
      this.#watchers.delete(key);
    }
    for (const [key, folder] of folders) this.#watch(key, folder);
    return files.sort().join('\n');
  }

  #watch(key: string, folder: string): void {
    try {
      const watcher = watch(folder, this.#onEvent);
      watcher.on('error', () => watcher.close());
      this.#watchers.set(key, watcher);
    } catch {
      // The folder has been deleted, or the system allows no more watchers. The regular scans will see changes.
    }
  }
}

/** Adds the files and folders in `folder` to the lists. A folder's key has its inode, so a recreated folder has a new key. */
function list(filter: WatchOptions['filter'], folder: string, files: string[], folders: Map<string, string>): void {
  const entries = attempt(() => readdirSync(folder, { withFileTypes: true }));
  const own = attempt(() => statSync(folder));
  if (!entries || !own) return;
  folders.set(`${folder} ${own.ino}`, folder);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) list(filter, path, files, folders);
    else if (filter(entry.name)) {
      const stat = attempt(() => statSync(path));
      if (stat) files.push(`${path} ${stat.ino} ${stat.size} ${stat.mtimeMs}`);
    }
  }
}

function attempt<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
