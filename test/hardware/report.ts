import { type Figure, formatReport, summarize } from '../bench/harness.ts';

/** One result of a part, as plain data. A part sends its results one after another. */
export type Finding =
  | { kind: 'figure'; figure: Figure }
  /** A property that must hold. If it does not, something is broken. */
  | { kind: 'check'; name: string; ok: boolean; detail: string }
  | { kind: 'facts'; facts: Record<string, unknown> }
  /** A sentence for the reader. */
  | { kind: 'note'; line: string }
  /** Something that was left out, and why. */
  | { kind: 'skipped'; what: string; why: string };

/** A part with its findings, as results.json has it. */
export interface PartResult {
  name: string;
  about: string;
  seconds: number;
  findings: Finding[];
  /** How the part's process failed; undefined if it ended well. */
  failure?: string;
}

/** Where a part reports, and what it needs to know of its surroundings. */
export class Reporter {
  /** Folder for the files that a part writes. */
  readonly out: string;
  readonly #send: (finding: Finding) => void;
  readonly #deadline: number;

  /** @param options.seconds time for the whole part */
  constructor(options: { out: string; seconds: number; send(finding: Finding): void }) {
    this.out = options.out;
    this.#send = options.send;
    this.#deadline = performance.now() + options.seconds * 1000;
  }

  get secondsLeft(): number {
    return Math.max(0, (this.#deadline - performance.now()) / 1000);
  }

  /** Summarises samples. Without any sample, the figure is reported as skipped. */
  figure(name: string, unit: string, samples: ArrayLike<number>): void {
    if (samples.length === 0) this.skip(name, 'there was no sample');
    else this.#send({ kind: 'figure', figure: summarize(name, unit, samples) });
  }

  value(name: string, unit: string, value: number): void {
    this.figure(name, unit, [value]);
  }

  check(name: string, ok: boolean, detail: string): void {
    this.#send({ kind: 'check', name, ok, detail });
  }

  facts(facts: Record<string, unknown>): void {
    this.#send({ kind: 'facts', facts });
  }

  note(line: string): void {
    this.#send({ kind: 'note', line });
  }

  skip(what: string, why: string): void {
    this.#send({ kind: 'skipped', what, why });
  }

  /** Whether a step that may take `seconds` fits into what is left; if not, reports it as skipped. */
  fits(what: string, seconds: number): boolean {
    const left = this.secondsLeft;
    if (left >= seconds) return true;
    this.skip(what, `it needs ${seconds} s, and ${left.toFixed(0)} s are left`);
    return false;
  }
}

/** Lists the faults that a part found, one line each. */
export function faultsOf({ name, findings, failure }: PartResult): string[] {
  const checks = findings.flatMap((finding) =>
    finding.kind === 'check' && !finding.ok ? `${name}: ${finding.name}: ${finding.detail}` : [],
  );
  return failure === undefined ? checks : [...checks, `${name}: ${failure}`];
}

/** A part as text: its table, then its sentences. Facts are in results.json only. */
export function formatPart(part: PartResult): string {
  const { name, about, seconds, findings, failure } = part;
  const figures = findings.flatMap((finding) => (finding.kind === 'figure' ? finding.figure : []));
  const title = `${name}: ${about}`;
  const machine = { seconds: Math.round(seconds) };
  const table =
    figures.length > 0
      ? formatReport({ name: title, date: '', machine, figures, goals: [] }).trimEnd()
      : `${title}\n  seconds ${machine.seconds}`;
  const lines = findings.flatMap((finding) => {
    if (finding.kind === 'check') return `  ${finding.ok ? 'ok     ' : 'BROKEN '}  ${finding.name}: ${finding.detail}`;
    if (finding.kind === 'note') return `  note     ${finding.line}`;
    if (finding.kind === 'skipped') return `  SKIPPED  ${finding.what}: ${finding.why}`;
    return [];
  });
  if (failure !== undefined) lines.push(`  BROKEN   ${failure}`);
  return `${[table, ...lines].join('\n')}\n\n`;
}
