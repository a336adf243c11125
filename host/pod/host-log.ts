import { jsonLine, type Log } from '../base/log.ts';
import { currentSpan } from '../base/trace-context.ts';
import type { Output } from './stdio.ts';
import type { Task } from './task.ts';

/** How many lines wait for a pod's game. A pod has no log before its first container. */
const LINES_MAX = 100;
const LINE_CHARS_MAX = 4096;

/**
 * The log of a host process. From when a pod has taken the host, each line is also among those of the pod's game, marked with
 * `"source":"host"`. So an operator needs no access to the node to read why a host ended a game, or which step failed.
 */
export class HostLog {
  readonly #node: Log;
  /** Lines for the pod's next container. */
  readonly #waiting: string[] = [];
  #belongsToPod = false;
  #output: Output | undefined;

  /** @param node the log on the node, which gets every line */
  constructor(node: Log) {
    this.#node = node;
  }

  readonly log: Log = (level, message, about) => {
    this.#node(level, message, about);
    if (!this.#belongsToPod || level === 'debug') return;
    const text = message.slice(0, LINE_CHARS_MAX);
    const line = jsonLine(level, text, { ...currentSpan().ids, ...about, source: 'host' });
    if (this.#output) return this.#output.write(line);
    this.#waiting.push(line);
    if (this.#waiting.length > LINES_MAX) this.#waiting.shift();
  };

  /** A pod has taken this host. Earlier lines concern the node alone. */
  begin(): void {
    this.#belongsToPod = true;
  }

  /** Writes the lines that wait, and each further line, to the output of the pod's game until that has ended. Then lines wait again. */
  attach({ stdout, ended }: Pick<Task, 'stdout' | 'ended'>): void {
    this.#output = stdout;
    for (const line of this.#waiting.splice(0)) stdout.write(line);
    void ended.then(() => {
      if (this.#output === stdout) this.#output = undefined;
    });
  }
}
