import { fields, integer, json, oneOf, optionalText, rows, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';

export const SAGA_STATES = ['preparing', 'executing', 'committed', 'compensating', 'compensated', 'cleanup'] as const;
/** States in which nothing is left to do. */
export const SAGA_ENDS: readonly string[] = ['compensated', 'cleanup'];

/** A step-by-step change on several nodes, such as moving a player, that is undone if a step fails. */
export interface Saga {
  id: string;
  kind: string;
  state: (typeof SAGA_STATES)[number];
  /** Grows with each step. */
  version: number;
  trace: string;
  /** JSON. */
  data: string;
  updatedAt: number;
}

const ENDS = SAGA_ENDS.map((state) => `'${state}'`).join(', ');
const COLUMNS = 'id, kind, state, version, trace, data, updated_at AS updatedAt FROM sagas';

/** Keeps a saga's step. Returns false, and changes nothing, if this version or a later one is there already. */
const putSaga: Operation<Saga, boolean> = {
  kind: 'state',
  check: fields({
    id: text(),
    kind: text(),
    state: oneOf(SAGA_STATES),
    version: integer(),
    trace: text(),
    data: json(),
    updatedAt: time,
  }),
  prepare(db) {
    const put = db.prepare(
      `INSERT INTO sagas (id, kind, state, version, trace, data, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, version = excluded.version, data = excluded.data,
         updated_at = excluded.updated_at WHERE excluded.version > version`,
    );
    return ({ id, kind, state, version, trace, data, updatedAt }) =>
      put.run(id, kind, state, version, trace, data, updatedAt).changes === 1;
  },
};

const getSaga: Operation<{ id: string }, Saga | undefined> = {
  kind: 'read',
  check: fields({ id: text() }),
  prepare(db) {
    const get = db.prepare(`SELECT ${COLUMNS} WHERE id = ?`);
    return ({ id }) => get.get(id) as Saga | undefined;
  },
};

/** Returns the oldest sagas that a crash may have interrupted. */
const unfinishedSagas: Operation<{ limit: number }, Saga[]> = {
  kind: 'read',
  check: fields({ limit: rows }),
  prepare(db) {
    const read = db.prepare(`SELECT ${COLUMNS} WHERE state NOT IN (${ENDS}) ORDER BY updated_at, id LIMIT ?`);
    return ({ limit }) => read.all(limit) as unknown as Saga[];
  },
};

/** Returns unfinished sagas of one kind by their ids. @param after the last id of the rows that were read before; '' at first */
const openSagas: Operation<{ kind: string; after: string; limit: number }, Saga[]> = {
  kind: 'read',
  check: fields({ kind: text(), after: optionalText, limit: rows }),
  prepare(db) {
    const read = db.prepare(
      `SELECT ${COLUMNS} WHERE state NOT IN (${ENDS}) AND kind = ? AND id > ? ORDER BY id LIMIT ?`,
    );
    return ({ kind, after, limit }) => read.all(kind, after, limit) as unknown as Saga[];
  },
};

export const sagas = { putSaga, getSaga, unfinishedSagas, openSagas };
