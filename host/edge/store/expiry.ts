import { fields, time } from './bounds.ts';
import type { Operation } from './operation.ts';
import { SAGA_ENDS } from './sagas.ts';

/** Limit on the spans of traces, and on the lines of the log, that wait for their collectors. The oldest are removed first. */
export const OBSERVATIONS_MAX = 100_000;
/** No match goes on that was kept longer ago: the largest RESUME_SECONDS_MAX. */
export const POD_SAVE_MS_MAX = 86_400_000;
/** Limit on the rows that one call removes from a table, so that it delays no other call for long. */
const REMOVED_MAX = 1000;

const ENDS = SAGA_ENDS.map((state) => `'${state}'`).join(', ');

/** Rows that end with a time of their own. */
const EXPIRED = ['tickets WHERE expires_at <= ?', 'cache WHERE expires_at <= ?'];
/** Matches of pods, most of which never come back. Those of a host itself are few, and stay. */
const POD_SAVES = "saves WHERE id GLOB 'pod/*' AND saved_at <= ?";
/** Rows that end some time after their last use. A result or a session stays at least until the event about it was sent. */
const AGED = [
  'players WHERE seen_at <= ?',
  `sessions WHERE ended_at <= ? AND NOT EXISTS (SELECT 1 FROM sendable WHERE sendable.id = sessions.id || '/ended')`,
  'results WHERE ended_at <= ? AND NOT EXISTS (SELECT 1 FROM sendable WHERE sendable.id = results.id)',
  'outbox WHERE time <= ? AND (local = 1 OR refused IS NOT NULL)',
  'inbox WHERE received_at <= ?',
  `sagas WHERE updated_at <= ? AND state IN (${ENDS})`,
  'traces WHERE at <= ?',
  'logs WHERE at <= ?',
];

/**
 * Removes what has expired by `now`, and what was last used at `keptFrom` or before, a bounded number of rows at a time.
 * Returns the number of removed rows.
 */
const expire: Operation<{ now: number; keptFrom: number }, number> = {
  kind: 'read',
  check: fields({ now: time, keptFrom: time }),
  prepare(db) {
    const removal = (rest: string) => {
      const [table = ''] = rest.split(' ');
      return db.prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${rest} LIMIT ${REMOVED_MAX})`);
    };
    const expired = EXPIRED.map(removal);
    const aged = AGED.map(removal);
    const podSaves = removal(POD_SAVES);
    const surplus = ['traces', 'logs'].map((table) =>
      db.prepare(`DELETE FROM ${table} WHERE sequence <= (SELECT max(sequence) FROM ${table}) - ?`),
    );
    return ({ now, keptFrom }) => {
      let removed = 0;
      for (const statement of expired) removed += Number(statement.run(now).changes);
      for (const statement of aged) removed += Number(statement.run(keptFrom).changes);
      removed += Number(podSaves.run(now - POD_SAVE_MS_MAX).changes);
      for (const statement of surplus) removed += Number(statement.run(OBSERVATIONS_MAX).changes);
      return removed;
    };
  },
};

export const expiry = { expire };
