import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

export interface WatchOptions {
  /** May come and go. */
  folder: string;
  /** Whether a file of that name counts. */
  wanted(name: string): boolean;
  changed(): void;
  /** Between two looks that no event asked for; a second by default. */
  lookMs?: number;
}

/** An editor may write a file in several steps. */
const SETTLE_MS = 15;
/** Network and container file systems may tell nothing: they are looked at now and then, for a small part of the time. */
const LOOK_MS = 1000;
const LOOK_SHARE = 0.05;

/**
 * Tells when a file below a folder is written, made, renamed or removed. Each folder is watched by itself: a file that
 * another one is renamed to is lost to Node's recursive watching on Linux. What the files are decides, not the event.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #known: string;
  #settling: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#known = this.#read();
    this.#later(0);
  }

  close(): void {
    clearTimeout(this.#settling);
    clearTimeout(this.#next);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  readonly #look = (): void => {
    clearTimeout(this.#next);
    const begun = performance.now();
    const found = this.#read();
    this.#later(performance.now() - begun);
    if (found === this.#known) return;
    this.#known = found;
    this.#options.changed();
  };

  #later(tookMs: number): void {
    this.#next = setTimeout(this.#look, Math.max(this.#options.lookMs ?? LOOK_MS, tookMs / LOOK_SHARE));
  }

  readonly #soon = (): void => {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(this.#look, SETTLE_MS);
  };

  /** What there is, in a form to compare; every folder is watched from then on. */
  #read(): string {
    const files: string[] = [];
    const folders = new Map<string, string>();
    read(this.#options.wanted, this.#options.folder, files, folders);
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
      const watcher = watch(folder, this.#soon);
      watcher.on('error', () => watcher.close());
      this.#watchers.set(key, watcher);
    } catch {
      // Gone again, or the system watches no more of them: the next look sees what changes.
    }
  }
}

/** The folders by what tells one from a later one of the same name. */
function read(wanted: WatchOptions['wanted'], folder: string, files: string[], folders: Map<string, string>): void {
  const entries = attempt(() => readdirSync(folder, { withFileTypes: true }));
  const own = attempt(() => statSync(folder));
  if (!entries || !own) return;
  folders.set(`${folder} ${own.ino}`, folder);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) read(wanted, path, files, folders);
    else if (wanted(entry.name)) {
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
