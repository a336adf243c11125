import { BOARDS } from '../../observe/boards.ts';
import { evaluate } from '../../observe/evaluate.ts';
import type { Scrape } from '../../observe/exposition.ts';
import { nameLine } from '../../observe/panel.ts';
import type { History, Line, Step } from './messages.ts';

/** Rates and quantiles are about this time. */
const WINDOW_MS = 20_000;
/** How many values of a line are kept: ten minutes of them if the host is asked every two seconds. */
export const VALUES_MAX = 300;
/** How many lines are kept for all panels together. A host has about a hundred, but the names of labels come from outside. */
export const LINES_MAX = 2000;

/** Computes all panels from a host's scrapes, and keeps the last values of their lines. */
export class Recorder {
  readonly #url: string;
  readonly #times: number[] = [];
  readonly #lines = new Map<string, Line>();
  #scrapes: Scrape[] = [];
  #problem: string | undefined;

  /** @param url for the page */
  constructor(url: string) {
    this.#url = url;
  }

  get history(): History {
    const problem = this.#problem;
    return { kind: 'history', url: this.#url, times: this.#times, lines: [...this.#lines.values()], problem };
  }

  /** Adds the host's answer. @param time milliseconds since 1970 */
  add(scrape: Scrape, time: number): Step {
    const last = this.#scrapes.at(-1);
    // Differences between two processes mean nothing.
    if (last && startOf(last) !== startOf(scrape)) this.#scrapes = [];
    this.#scrapes = [...this.#scrapes.filter(({ at }) => scrape.at - at <= WINDOW_MS), scrape];
    const [before = scrape] = this.#scrapes;
    this.#problem = undefined;
    return this.#note(time, before === scrape ? [] : compute({ before, now: scrape }));
  }

  /** Notes that the host could not be asked. */
  fail(problem: string, time: number): Step {
    this.#problem = problem;
    return this.#note(time, []);
  }

  #note(time: number, values: Step['values']): Step {
    this.#times.push(time);
    const known = values.filter(({ panel, name, value }) => {
      const key = `${panel} ${name}`;
      let line = this.#lines.get(key);
      if (!line) {
        if (this.#lines.size >= LINES_MAX) return false;
        line = { panel, name, values: this.#times.slice(1).map(() => null) };
        this.#lines.set(key, line);
      }
      line.values.push(value);
      return true;
    });
    for (const [key, { values: all }] of this.#lines) {
      if (all.length < this.#times.length) all.push(null);
      if (this.#times.length > VALUES_MAX) all.shift();
      if (all.every((value) => value === null)) this.#lines.delete(key);
    }
    if (this.#times.length > VALUES_MAX) this.#times.shift();
    return { kind: 'step', time, values: known, problem: this.#problem };
  }
}

function compute(window: { before: Scrape; now: Scrape }): Step['values'] {
  return BOARDS.flatMap((board) =>
    board.panels.flatMap((panel) =>
      panel.queries.flatMap((query) =>
        evaluate(query.expression, window).map(({ labels, value }) => ({
          panel: `${board.id}/${panel.id}`,
          name: nameLine(query, labels),
          // Six digits are more than a screen shows.
          value: Number(value.toPrecision(6)),
        })),
      ),
    ),
  );
}

function startOf({ samples }: Scrape): number | undefined {
  return samples.get('process_start_time_seconds')?.[0]?.value;
}
