import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Config } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type RuleEntry, readRules } from '../../base/setting.ts';
import { Rule, type RuleOptions } from './rule.ts';

/** How often the files are looked at. */
const CHECK_MS = 2000;
const NAME = /^[a-z0-9-]{1,32}$/;

export interface RuleFilesOptions extends Pick<RuleOptions, 'engine' | 'clock'> {
  config: Pick<Config, 'riskRules' | 'moduleBytesMax'>;
  log: Log;
}

interface Watched extends RuleEntry {
  rule: Rule;
  /** Size, time and number of the file when it was last read. */
  stamp: string;
  digest: string;
}

/** The rules that RISK_RULES lists. A file that changes replaces its rule; one that cannot be used leaves the rule as it is. */
export class RuleFiles {
  readonly #options: RuleFilesOptions;
  readonly #watched: Watched[];
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;

  private constructor(options: RuleFilesOptions, watched: Watched[]) {
    this.#options = options;
    this.#watched = watched;
  }

  /** Opens all rules. @throws NearlightError NL_RULE, naming the file, if one of them cannot be used; nothing stays open then */
  static async open(options: RuleFilesOptions): Promise<RuleFiles> {
    const watched: Watched[] = [];
    try {
      for (const entry of readRules(options.config.riskRules) ?? []) watched.push(await open(entry, options, watched));
    } catch (error) {
      await Promise.all(watched.map(({ rule }) => rule.close()));
      throw error;
    }
    return new RuleFiles(options, watched);
  }

  /** The rules in the order of RISK_RULES. Their caller closes them. */
  get rules(): Rule[] {
    return this.#watched.map(({ rule }) => rule);
  }

  /** Looks at the files from now on. Polling also notices files that are replaced by a link, as Kubernetes does it. */
  watch(): void {
    this.#timer ??= setInterval(() => void this.check(), CHECK_MS).unref();
  }

  /** Replaces the rules whose files have changed. Resolves when that is done or refused. */
  check(): Promise<void> {
    this.#checking ??= Promise.all(this.#watched.map((entry) => this.#checkOne(entry)))
      .then(() => {})
      .finally(() => {
        this.#checking = undefined;
      });
    return this.#checking;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#checking;
  }

  async #checkOne(entry: Watched): Promise<void> {
    const { log, config } = this.#options;
    const { rule, path } = entry;
    try {
      const stamp = await stampOf(path, config);
      if (stamp === entry.stamp) return;
      const module = await readFile(path);
      // Until the file changes again, a version that was refused is not tried again.
      entry.stamp = stamp;
      const digest = digestOf(module);
      if (digest === entry.digest) return;
      await rule.replace(module);
      entry.digest = digest;
      log('info', `rule ${rule.name}: a new version decides now (${path}, SHA-256 ${digest.slice(0, 12)})`);
    } catch (error) {
      log('error', `rule ${rule.name}: the new version is refused, and the old one goes on: ${describe(error, path)}`);
    }
  }
}

async function open(entry: RuleEntry, options: RuleFilesOptions, others: readonly Watched[]): Promise<Watched> {
  const { engine, clock, log, config } = options;
  const { path, onFailure } = entry;
  const name = basename(path).replace(/\.wasm$/, '');
  if (!NAME.test(name))
    throw refused(path, 'a rule is named after its file, which may have 32 characters: a-z, 0-9 and "-"; rename it');
  if (others.some(({ rule }) => rule.name === name))
    throw refused(path, `another rule is named ${name}, too; rename a file`);
  try {
    const stamp = await stampOf(path, config);
    const module = await readFile(path);
    const rule = await Rule.open(module, { name, engine, clock, onFailure, log });
    log('info', `rule ${name}: decides (${path}, SHA-256 ${digestOf(module).slice(0, 12)}, fails ${onFailure})`);
    return { ...entry, rule, stamp, digest: digestOf(module) };
  } catch (error) {
    throw refused(path, describe(error, path), error);
  }
}

/** Says whether a file is the same without reading it. @throws NearlightError NL_RULE if it is too large */
async function stampOf(path: string, { moduleBytesMax }: Pick<Config, 'moduleBytesMax'>): Promise<string> {
  const { size, mtimeMs, ino } = await stat(path);
  if (size > moduleBytesMax)
    throw new NearlightError('NL_RULE', `it has ${size} bytes, and MODULE_BYTES_MAX allows ${moduleBytesMax}`);
  return `${size} ${mtimeMs} ${ino}`;
}

function digestOf(module: Uint8Array): string {
  return createHash('sha256').update(module).digest('hex');
}

function describe(error: unknown, path: string): string {
  if (error instanceof NearlightError) return error.code === 'NL_RULE' ? error.detail : error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? `there is no file ${path}; compile the rule, or correct RISK_RULES` : message;
}

function refused(path: string, detail: string, cause?: unknown): NearlightError {
  return new NearlightError('NL_RULE', `${path}: ${detail}`, { cause });
}
