import { fields, integer, json, rows, time } from './bounds.ts';
import type { Operation } from './operation.ts';

/** A span of a trace or a line of a log that waits for its collector. */
export interface Observation {
  sequence: number;
  at: number;
  /** JSON. */
  body: string;
}

function adding(kind: 'trace' | 'log', table: 'traces' | 'logs'): Operation<{ at: number; body: string }, void> {
  return {
    kind,
    check: fields({ at: time, body: json() }),
    prepare(db) {
      const add = db.prepare(`INSERT INTO ${table} (at, body) VALUES (?, ?)`);
      return ({ at, body }) => {
        add.run(at, body);
      };
    },
  };
}

function reading(table: 'traces' | 'logs'): Operation<{ after: number; limit: number }, Observation[]> {
  return {
    kind: 'read',
    check: fields({ after: integer(), limit: rows }),
    prepare(db) {
      const read = db.prepare(`SELECT sequence, at, body FROM ${table} WHERE sequence > ? ORDER BY sequence LIMIT ?`);
      return ({ after, limit }) => read.all(after, limit) as unknown as Observation[];
    },
  };
}

export const observations = {
  addTrace: adding('trace', 'traces'),
  addLog: adding('log', 'logs'),
  readTraces: reading('traces'),
  readLogs: reading('logs'),
};
