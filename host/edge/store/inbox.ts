import { fields, integer, json, list, record, rows, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';

/** An event from another node. `source` and `id` together identify it (CloudEvents 1.0, "id"). */
export interface ReceivedEvent {
  source: string;
  id: string;
  type: string;
  subject: string;
  time: number;
  /** JSON. */
  data: string;
}

export type InboxEvent = ReceivedEvent & { sequence: number; receivedAt: number };

/**
 * Keeps events that have not arrived before, all or none of them. Returns their number. So an event that is sent several times
 * has one row, and a consumer that reads rows by their sequence sees it once.
 */
const acceptEvents: Operation<{ events: ReceivedEvent[]; receivedAt: number }, number> = {
  kind: 'result',
  check: fields({
    events: list(record(fields({ source: text(), id: text(), type: text(), subject: text(), time, data: json() }))),
    receivedAt: time,
  }),
  prepare(db) {
    const accept = db.prepare(
      `INSERT OR IGNORE INTO inbox (source, id, type, subject, time, data, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    return ({ events, receivedAt }) => {
      let accepted = 0;
      for (const { source, id, type, subject, time: at, data } of events)
        accepted += Number(accept.run(source, id, type, subject, at, data, receivedAt).changes);
      return accepted;
    };
  },
};

const readInbox: Operation<{ after: number; limit: number }, InboxEvent[]> = {
  kind: 'read',
  check: fields({ after: integer(), limit: rows }),
  prepare(db) {
    const read = db.prepare(
      `SELECT sequence, source, id, type, subject, time, data, received_at AS receivedAt FROM inbox
       WHERE sequence > ? ORDER BY sequence LIMIT ?`,
    );
    return ({ after, limit }) => read.all(after, limit) as unknown as InboxEvent[];
  },
};

export const inbox = { acceptEvents, readInbox };
