import type { Log } from '../base/log.ts';
import { handOver, readSettingsFile, settingsPath, withSettings } from './settings-file.ts';

/** The settings of a node, from an environment and the node's file, of which the latter may change. */
export class WatchedSettings {
  readonly path: string;
  readonly #own: NodeJS.ProcessEnv;
  readonly #everyMs: number;
  #text: string;
  /** The last problem in the log, which has each only once. */
  #problem = '';
  #env: NodeJS.ProcessEnv;

  /** @throws NearlightError NL_SETTING */
  constructor(own: NodeJS.ProcessEnv, everyMs: number) {
    this.path = settingsPath(own);
    this.#own = own;
    this.#everyMs = everyMs;
    this.#text = readSettingsFile(this.path);
    this.#env = withSettings(own, this.path, this.#text);
  }

  /** The present settings, as an environment of processes. */
  get env(): NodeJS.ProcessEnv {
    return this.#env;
  }

  /** The environment with which host processes get the present settings. */
  get hostEnv(): NodeJS.ProcessEnv {
    return handOver(this.#own, this.#text);
  }

  /** Resolves when the file has other settings. As long as they cannot be used, the present ones stay, and the log has the reason. */
  next(log: Log): Promise<void> {
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        if (!this.#look(log)) return;
        clearInterval(timer);
        resolve();
      }, this.#everyMs);
      timer.unref();
    });
  }

  #look(log: Log): boolean {
    try {
      const text = readSettingsFile(this.path);
      if (text === this.#text) {
        this.#problem = '';
        return false;
      }
      this.#env = withSettings(this.#own, this.path, text);
      this.#text = text;
      this.#problem = '';
      return true;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#problem) log('error', `${message}; the node keeps its present settings`);
      this.#problem = message;
      return false;
    }
  }
}
