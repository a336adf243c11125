import { bytes, fields, SAVE_BYTES_MAX, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';

/** A game's saved state. */
export interface Save {
  id: string;
  game: string;
  savedAt: number;
  state: Uint8Array;
}

const putSave: Operation<Save, void> = {
  kind: 'state',
  check: fields({ id: text(), game: text(), savedAt: time, state: bytes(SAVE_BYTES_MAX) }),
  prepare(db) {
    const put = db.prepare('INSERT OR REPLACE INTO saves (id, game, saved_at, state) VALUES (?, ?, ?, ?)');
    return ({ id, game, savedAt, state }) => {
      put.run(id, game, savedAt, state);
    };
  },
};

const getSave: Operation<{ id: string }, Save | undefined> = {
  kind: 'read',
  check: fields({ id: text() }),
  prepare(db) {
    const get = db.prepare('SELECT id, game, saved_at AS savedAt, state FROM saves WHERE id = ?');
    return ({ id }) => get.get(id) as Save | undefined;
  },
};

const removeSave: Operation<{ id: string }, boolean> = {
  kind: 'state',
  check: fields({ id: text() }),
  prepare(db) {
    const remove = db.prepare('DELETE FROM saves WHERE id = ?');
    return ({ id }) => remove.run(id).changes === 1;
  },
};

export const saves = { putSave, getSave, removeSave };
