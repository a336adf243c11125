import { fields, flag, json, ROWS_MAX, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';
import { traceparent as checkTraceparent, prepareEvent } from './outbox.ts';

/** The result of a match. */
export interface MatchResult {
  /** Id of the result, and of the event that tells the centre. */
  id: string;
  match: string;
  endedAt: number;
  /** JSON. */
  data: string;
  /** True if the result may not leave the node. */
  local: boolean;
  /** The trace of what happened, for the event (W3C Trace Context). */
  traceparent?: string;
}

export const MATCH_RESULT = 'nearlight.match.result';

/** Keeps a result together with its event. A result that is there already stays as it is. */
const addResult: Operation<MatchResult, void> = {
  kind: 'result',
  check: fields<MatchResult>({
    id: text(),
    match: text(),
    endedAt: time,
    data: json(),
    local: flag,
    traceparent: checkTraceparent,
  }),
  prepare(db) {
    const add = db.prepare('INSERT OR IGNORE INTO results (id, match, ended_at, data, local) VALUES (?, ?, ?, ?, ?)');
    const addEvent = prepareEvent(db);
    return ({ id, match, endedAt, data, local, traceparent }) => {
      const trace = traceparent === undefined ? {} : { traceparent };
      const { changes } = add.run(id, match, endedAt, data, Number(local));
      if (changes === 1) addEvent({ id, type: MATCH_RESULT, subject: match, time: endedAt, data, local, ...trace });
    };
  },
};

/** Returns the oldest results of a match, at most ROWS_MAX. */
const getResults: Operation<{ match: string }, MatchResult[]> = {
  kind: 'read',
  check: fields({ match: text() }),
  prepare(db) {
    const get = db.prepare(
      'SELECT id, match, ended_at AS endedAt, data, local FROM results WHERE match = ? ORDER BY ended_at, rowid LIMIT ?',
    );
    return ({ match }) => {
      const rows = get.all(match, ROWS_MAX) as unknown as (Omit<MatchResult, 'local'> & { local: number })[];
      return rows.map((row) => ({ ...row, local: row.local === 1 }));
    };
  },
};

export const results = { addResult, getResults };
