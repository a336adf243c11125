import { fields, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';

/** Uses a join ticket up. Returns true the first time and false ever after, until the ticket itself has expired. */
const takeTicket: Operation<{ id: string; usedAt: number; expiresAt: number }, boolean> = {
  kind: 'state',
  check: fields({ id: text(), usedAt: time, expiresAt: time }),
  prepare(db) {
    const take = db.prepare('INSERT OR IGNORE INTO tickets (id, used_at, expires_at) VALUES (?, ?, ?)');
    return ({ id, usedAt, expiresAt }) => take.run(id, usedAt, expiresAt).changes === 1;
  },
};

export const tickets = { takeTicket };
