import { bytes, fields, oneOf, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';

/** Something that a node got from a dependency and may use until `expiresAt` if that dependency cannot be reached. */
export interface Cached {
  name: string;
  kind: (typeof CACHE_KINDS)[number];
  value: Uint8Array;
  storedAt: number;
  expiresAt: number;
}

export const CACHE_KINDS = ['key', 'policy', 'decision'] as const;

const putCached: Operation<Cached, void> = {
  kind: 'cache',
  check: fields({ name: text(), kind: oneOf(CACHE_KINDS), value: bytes(), storedAt: time, expiresAt: time }),
  prepare(db) {
    const put = db.prepare(
      'INSERT OR REPLACE INTO cache (name, kind, value, stored_at, expires_at) VALUES (?, ?, ?, ?, ?)',
    );
    return ({ name, kind, value, storedAt, expiresAt }) => {
      put.run(name, kind, value, storedAt, expiresAt);
    };
  },
};

/** Returns a cached value whose life has not ended. */
const getCached: Operation<{ name: string; now: number }, Cached | undefined> = {
  kind: 'read',
  check: fields({ name: text(), now: time }),
  prepare(db) {
    const get = db.prepare(
      `SELECT name, kind, value, stored_at AS storedAt, expires_at AS expiresAt FROM cache
       WHERE name = ? AND expires_at > ?`,
    );
    return ({ name, now }) => get.get(name, now) as Cached | undefined;
  },
};

export const cache = { putCached, getCached };
