/** Offers work at a rate, whether or not it is done in time, so that a step that falls behind shows. */
import type { Bench } from '../harness.ts';

export interface Phase {
  readonly perSecond: number;
  readonly ms: number;
  /** Whether this phase is pressure. The others before and after it are calm. */
  readonly isPressure?: boolean;
}

/** The fate of one piece of work. Times are milliseconds since 1970, with fractions. */
export interface Outcome {
  readonly dueAt: number;
  readonly endedAt: number;
  /** Why it failed; undefined if it was done. */
  readonly error?: string | undefined;
}

export interface Offered {
  readonly outcomes: readonly Outcome[];
  /** When the first phase of pressure began, and when the last one ended. */
  readonly pressedAt: number;
  readonly releasedAt: number;
}

const STEP_MS = 1;

export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Does work in phases. @param act does one piece of work; an error that it throws is counted by its code or message */
export async function offer(phases: readonly Phase[], act: (index: number) => Promise<unknown>): Promise<Offered> {
  const pending: Promise<Outcome>[] = [];
  let [pressedAt, releasedAt] = [0, 0];
  for (const { perSecond, ms, isPressure } of phases) {
    const begun = now();
    if (isPressure && pressedAt === 0) pressedAt = begun;
    const all = Math.round((perSecond * ms) / 1000);
    for (let done = 0; done < all; ) {
      const due = Math.min(all, Math.floor(((now() - begun) / 1000) * perSecond));
      for (; done < due; done++) pending.push(noted(act, pending.length, begun + ((done + 1) / perSecond) * 1000));
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    if (isPressure) releasedAt = now();
  }
  return { outcomes: await Promise.all(pending), pressedAt, releasedAt };
}

async function noted(act: (index: number) => Promise<unknown>, index: number, dueAt: number): Promise<Outcome> {
  try {
    await act(index);
    return { dueAt, endedAt: now() };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { dueAt, endedAt: now(), error: code ?? message };
  }
}

/** Reports what became of the work under pressure. @param boundMs time that a piece of work may take when all is well */
export function report(bench: Bench, name: string, offered: Offered, boundMs: number): { errors: number } {
  const { outcomes, pressedAt, releasedAt } = offered;
  const pressed = outcomes.filter(({ dueAt }) => dueAt > pressedAt && dueAt <= releasedAt);
  const done = pressed.filter(({ error }) => error === undefined);
  const errors = pressed.length - done.length;
  const seconds = (releasedAt - pressedAt) / 1000;
  bench.value(`${name}: offered`, '1/s', pressed.length / seconds);
  bench.value(`${name}: done`, '1/s', done.length / seconds);
  bench.value(`${name}: errors`, '', errors);
  noteErrors(bench, name, pressed);
  bench.figure(`${name}: time`, 'ms', done.map(timeOf));
  bench.value(`${name}: recovery`, 'ms', recoveryMs(offered, boundMs));
  return { errors };
}

/** Prints why work failed, and how often. */
export function noteErrors(bench: Bench, name: string, outcomes: readonly Outcome[]): void {
  for (const [reason, list] of Map.groupBy(outcomes, ({ error }) => error))
    if (reason !== undefined) bench.note(`  ${name}: ${list.length} times ${reason}`);
}

/** Returns how long after the pressure the last piece of work ended that failed or took longer than its bound. */
export function recoveryMs({ outcomes, pressedAt, releasedAt }: Offered, boundMs: number): number {
  const late = outcomes.filter(
    (outcome) => outcome.dueAt > pressedAt && (outcome.error !== undefined || timeOf(outcome) > boundMs),
  );
  return late.reduce((most, { endedAt }) => Math.max(most, endedAt - releasedAt), 0);
}

function timeOf({ dueAt, endedAt }: Outcome): number {
  return endedAt - dueAt;
}
