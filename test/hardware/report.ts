import { type Figure, formatReport, summarize } from '../bench/harness.ts';

/** One result of a part of the hardware measurements, as plain data. A part sends its results one after another. */
export type Finding =
  | { kind: 'figure'; figure: Figure }
  /** A property that must hold. If it does not, something is broken. */
  | { kind: 'check'; name: string; ok: boolean; detail: string }
  | { kind: 'facts'; facts: Record<string, unknown> }
  /** A sentence for the reader of the report. */
  | { kind: 'note'; line: string }
  /** A measurement that was left out, and why. */
  | { kind: 'skipped'; what: string; why: string };

/** The results of one part of the hardware measurements, as results.json contains them. */
export interface PartResult {
  name: string;
  about: string;
  seconds: number;
  findings: Finding[];
  /** How the part's process failed; undefined if it ended well. */
  failure?: string;
}

/** Receives the results of one part of the hardware measurements, and tells the part its folder and its remaining time. */
export class Reporter {
  /** Folder for the files that a part writes. */
  readonly out: string;
  readonly #send: (finding: Finding) => void;
  readonly #deadline: number;

  /** @param options.seconds time that the whole part may take */
  constructor(options: { out: string; seconds: number; send(finding: Finding): void }) {
    this.out = options.out;
    this.#send = options.send;
    this.#deadline = performance.now() + options.seconds * 1000;
  }

  get secondsLeft(): number {
    return Math.max(0, (this.#deadline - performance.now()) / 1000);
  }

  /** Reports a summary of samples. Without any sample, the figure is reported as skipped. */
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

  /** Whether a step that may take `seconds` fits into the time left for the part; if not, reports the step as skipped. */
  fits(what: string, seconds: number): boolean {
    const left = this.secondsLeft;
    if (left >= seconds) return true;
    this.skip(what, `it needs ${seconds} s, and ${left.toFixed(0)} s are left`);
    return false;
  }
}

/** Lists the faults that a part of the measurements found, one line each. */
export function faultsOf({ name, findings, failure }: PartResult): string[] {
  const checks = findings.flatMap((finding) =>
    finding.kind === 'check' && !finding.ok ? `${name}: ${finding.name}: ${finding.detail}` : [],
  );
  return failure === undefined ? checks : [...checks, `${name}: ${failure}`];
}

/** Formats the results of a part as text: a table of its figures, then its checks and notes. Facts are in results.json only. */
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
