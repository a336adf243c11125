import { sleep } from '../../wait.ts';
import { playersNamed, type Replica, requestFor } from '../rig.ts';

export interface LoadResult {
  readonly answered: number;
  readonly failed: number;
  /** Milliseconds from when each request was due to its answer, sorted. */
  readonly ms: readonly number[];
}

/** Asks a replica for one seat at a time at a fixed rate, whether or not it answers. */
export async function askAtRate(
  replica: Replica,
  { perSecond, seconds, keepReporting }: { perSecond: number; seconds: number; keepReporting(): void },
): Promise<LoadResult> {
  const ms: number[] = [];
  let failed = 0;
  const asked: Promise<void>[] = [];
  const begun = performance.now();
  const total = perSecond * seconds;
  for (let sent = 0; sent < total; await sleep(1)) {
    keepReporting();
    const due = Math.min(total, Math.floor(((performance.now() - begun) / 1000) * perSecond));
    for (; sent < due; sent++) {
      const at = begun + (sent / perSecond) * 1000;
      asked.push(
        replica.allocator.allocate(requestFor(playersNamed(`p${sent}`))).then(
          () => void ms.push(performance.now() - at),
          () => void failed++,
        ),
      );
    }
  }
  await Promise.all(asked);
  return { answered: ms.length, failed, ms: ms.sort((a, b) => a - b) };
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
