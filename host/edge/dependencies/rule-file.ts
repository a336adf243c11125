import { readFile, stat } from 'node:fs/promises';
import { ENDPOINTS, type EndpointName } from '../../base/dependencies.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Endpoint, EndpointRule } from './endpoint.ts';

/** How often the file is looked at. Polling also notices files that are replaced by a link, as Kubernetes does it. */
const CHECK_MS = 2000;
export const FILE_BYTES_MAX = 65_536;
/** The largest value of each number of a rule; the smallest is 1. */
const NUMBERS = {
  perSecond: 1_000_000,
  concurrent: 100_000,
  responseMs: 60_000,
  queueMax: 100_000,
  queueMs: 60_000,
} as const satisfies Partial<Record<keyof EndpointRule, number>>;
const LIMITS = ['perSecond', 'concurrent', 'responseMs'] as const;
/** Calls that wait, and for how long, if a rule does not say so. */
const QUEUE = { queueMax: 1000, queueMs: 1000 };

export type EndpointRules = Partial<Record<EndpointName, EndpointRule>>;

/**
 * Reads rules: a JSON object whose keys are endpoints and whose values are their rules, such as
 * {"join": {"perSecond": 50, "excess": "queue"}}.
 * @throws Error saying what is wrong
 */
export function parseRules(text: string): EndpointRules {
  return readRules(parseJson(text));
}

/** Reads rules that are parsed already. @throws Error saying what is wrong */
export function readRules(value: unknown): EndpointRules {
  if (!isObject(value)) throw new Error('it is not a JSON object with a rule for each endpoint');
  return Object.fromEntries(Object.entries(value).map(([name, rule]) => [readName(name), readRule(name, rule)]));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`it is not JSON: ${(cause as Error).message}`, { cause });
  }
}

function readName(name: string): EndpointName {
  const known = ENDPOINTS.find((each) => each === name);
  if (!known) throw new Error(`there is no endpoint ${JSON.stringify(name)}; there are ${ENDPOINTS.join(', ')}`);
  return known;
}

function readRule(name: string, value: unknown): EndpointRule {
  if (!isObject(value)) throw new Error(`${name}: the rule is not an object`);
  const { excess = 'reject', ...numbers } = value;
  if (excess !== 'reject' && excess !== 'queue') throw new Error(`${name}: excess is neither "reject" nor "queue"`);
  for (const [key, number] of Object.entries(numbers)) {
    const most = Object.hasOwn(NUMBERS, key) ? NUMBERS[key as keyof typeof NUMBERS] : undefined;
    if (most === undefined)
      throw new Error(
        `${name}: there is no limit ${JSON.stringify(key)}; there are ${Object.keys(NUMBERS).join(', ')}`,
      );
    if (!Number.isInteger(number) || (number as number) < 1 || (number as number) > most)
      throw new Error(`${name}: ${key} is not a whole number from 1 to ${most}`);
  }
  if (!LIMITS.some((limit) => limit in numbers)) throw new Error(`${name}: the rule has none of ${LIMITS.join(', ')}`);
  return { ...QUEUE, ...(numbers as Partial<EndpointRule>), excess };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface RuleFileOptions {
  path: string;
  endpoints: Readonly<Record<EndpointName, Pick<Endpoint, 'setRule'>>>;
  log: Log;
}

/** The file that ENDPOINT_RULES names. Its rules apply as soon as it changes; one that cannot be used leaves the rules as they are. */
export class RuleFile {
  readonly #options: RuleFileOptions;
  /** Size, time and number of the file when it was last read. */
  #stamp: string;
  /** The last complaint about the file, which is not repeated. */
  #complaint = '';
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;

  private constructor(options: RuleFileOptions, stamp: string) {
    this.#options = options;
    this.#stamp = stamp;
  }

  /** Applies the rules of a file. @throws NearlightError NL_SETTING saying why they cannot be used */
  static async open(options: RuleFileOptions): Promise<RuleFile> {
    try {
      const { stamp, rules } = await read(options.path);
      apply(options, rules);
      return new RuleFile(options, stamp);
    } catch (cause) {
      const { message } = cause as Error;
      throw new NearlightError('NL_SETTING', `ENDPOINT_RULES=${options.path} cannot be used: ${message}`, { cause });
    }
  }

  /** Looks at the file from now on. */
  watch(): void {
    this.#timer ??= setInterval(() => void this.check(), CHECK_MS).unref();
  }

  /** Applies the rules of the file if it has changed. Never throws. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#checking;
  }

  async #check(): Promise<void> {
    const { path, log } = this.#options;
    try {
      if ((await stampOf(path)) === this.#stamp) return;
      const { stamp, rules } = await read(path);
      this.#stamp = stamp;
      this.#complaint = '';
      apply(this.#options, rules);
      log('info', `the rules of ENDPOINT_RULES=${path} have changed; they limit ${describe(rules)}`);
    } catch (error) {
      const { message } = error as Error;
      if (message === this.#complaint) return;
      this.#complaint = message;
      log('error', `ENDPOINT_RULES=${path} cannot be used, and the rules before it go on: ${message}`);
    }
  }
}

function apply({ endpoints }: RuleFileOptions, rules: EndpointRules): void {
  for (const name of ENDPOINTS) endpoints[name].setRule(rules[name]);
}

async function read(path: string): Promise<{ stamp: string; rules: EndpointRules }> {
  const stamp = await stampOf(path);
  const bytes = await readFile(path);
  // The file may have grown since.
  if (bytes.length > FILE_BYTES_MAX) throw tooLarge(bytes.length);
  return { stamp, rules: parseRules(bytes.toString('utf8')) };
}

async function stampOf(path: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(path);
  if (size > FILE_BYTES_MAX) throw tooLarge(size);
  return `${size} ${mtimeMs} ${ino}`;
}

function tooLarge(bytes: number): Error {
  return new Error(`it has ${bytes} bytes; at most ${FILE_BYTES_MAX} are read`);
}

function describe(rules: EndpointRules): string {
  return Object.keys(rules).join(', ') || 'nothing';
}
