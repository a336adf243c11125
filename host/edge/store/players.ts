import { fields, flag, json, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';

/** A player that the node knows. */
export interface Player {
  id: string;
  name: string;
  seenAt: number;
  /** True if nothing about the player may leave the node. */
  local: boolean;
  /** JSON. */
  data: string;
}

type Row = Omit<Player, 'local'> & { local: number };

const putPlayer: Operation<Player, void> = {
  kind: 'state',
  check: fields({ id: text(), name: text(), seenAt: time, local: flag, data: json() }),
  prepare(db) {
    const put = db.prepare('INSERT OR REPLACE INTO players (id, name, seen_at, local, data) VALUES (?, ?, ?, ?, ?)');
    return ({ id, name, seenAt, local, data }) => {
      put.run(id, name, seenAt, Number(local), data);
    };
  },
};

const getPlayer: Operation<{ id: string }, Player | undefined> = {
  kind: 'read',
  check: fields({ id: text() }),
  prepare(db) {
    const get = db.prepare('SELECT id, name, seen_at AS seenAt, local, data FROM players WHERE id = ?');
    return ({ id }) => {
      const row = get.get(id) as Row | undefined;
      return row && { ...row, local: row.local === 1 };
    };
  },
};

export const players = { putPlayer, getPlayer };
