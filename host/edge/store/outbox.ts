import type { DatabaseSync } from 'node:sqlite';
import { fields, flag, integer, json, list, optional, rows, text, time, VALUE_BYTES_MAX } from './bounds.ts';
import type { Operation } from './operation.ts';

/** An event for the centre. Events of one subject are sent in the order in which they were added. */
export interface NewEvent {
  id: string;
  type: string;
  /** The thing that the event is about, such as a match. */
  subject: string;
  time: number;
  /** JSON. */
  data: string;
  /** True if the event may not leave the node. */
  local: boolean;
  /** The trace of what happened (W3C Trace Context). */
  traceparent?: string;
}

/** An event as it is sent. */
export interface SendableEvent {
  sequence: number;
  id: string;
  source: string;
  type: string;
  subject: string;
  time: number;
  data: string;
  /** The trace of what happened (W3C Trace Context); null if it was not traced. */
  traceparent?: string | null;
}

export interface OutboxCounts {
  /** Number of events that wait to be sent. */
  waiting: number;
  /** Time of the one that has waited longest. */
  oldestAt: number | undefined;
  /** Number of events that the sink has refused for good. They are kept. */
  refused: number;
  /** Number of events that may not leave the node. */
  local: number;
}

const REASON_BYTES_MAX = 1024;
/** Check of a traceparent, which has 55 characters. */
export const traceparent = optional(text(64));

/** Prepares what adds an event. An event whose id is there already stays as it is. */
export function prepareEvent(db: DatabaseSync): (event: NewEvent) => void {
  const add = db.prepare(
    `INSERT OR IGNORE INTO outbox (id, source, type, subject, time, data, local, traceparent)
     SELECT ?, value, ?, ?, ?, ?, ?, ? FROM meta WHERE name = 'source'`,
  );
  return ({ id, type, subject, time: at, data, local, traceparent = null }) => {
    add.run(id, type, subject, at, data, Number(local), traceparent);
  };
}

const addEvent: Operation<NewEvent, void> = {
  kind: 'result',
  check: fields<NewEvent>({ id: text(), type: text(), subject: text(), time, data: json(), local: flag, traceparent }),
  prepare: prepareEvent,
};

/** Returns the oldest events that may leave the node. Further ones are left out when their data exceeds VALUE_BYTES_MAX. */
const readEvents: Operation<{ limit: number }, SendableEvent[]> = {
  kind: 'read',
  check: fields({ limit: rows }),
  prepare(db) {
    const read = db.prepare('SELECT * FROM sendable ORDER BY sequence LIMIT ?');
    return ({ limit }) => {
      const found: SendableEvent[] = [];
      let bytes = 0;
      for (const row of read.iterate(limit)) {
        const event = row as unknown as SendableEvent;
        bytes += Buffer.byteLength(event.data);
        if (found.length > 0 && bytes > VALUE_BYTES_MAX) break;
        found.push(event);
      }
      return found;
    };
  },
};

/** Removes events that the sink has accepted. */
const removeEvents: Operation<{ sequences: number[] }, void> = {
  kind: 'result',
  check: fields({ sequences: list(integer()) }),
  prepare(db) {
    const remove = db.prepare('DELETE FROM outbox WHERE sequence = ?');
    return ({ sequences }) => {
      for (const sequence of sequences) remove.run(sequence);
    };
  },
};

/** Keeps an event that the sink will never accept, but sends it no more. */
const refuseEvent: Operation<{ sequence: number; reason: string }, void> = {
  kind: 'result',
  check: fields({ sequence: integer(), reason: text(REASON_BYTES_MAX) }),
  prepare(db) {
    const refuse = db.prepare('UPDATE outbox SET refused = ? WHERE sequence = ?');
    return ({ sequence, reason }) => {
      refuse.run(reason, sequence);
    };
  },
};

const countOutbox: Operation<object, OutboxCounts> = {
  kind: 'read',
  check: fields({}),
  prepare(db) {
    const waiting = db.prepare('SELECT count(*) AS waiting, min(time) AS oldestAt FROM sendable');
    const kept = db.prepare(
      'SELECT count(refused) AS refused, sum(local) AS local FROM outbox WHERE local = 1 OR refused IS NOT NULL',
    );
    return () => {
      const { oldestAt, ...first } = waiting.get() as { waiting: number; oldestAt: number | null };
      const { refused, local } = kept.get() as { refused: number; local: number | null };
      return { ...first, oldestAt: oldestAt ?? undefined, refused, local: local ?? 0 };
    };
  },
};

export const outbox = { addEvent, readEvents, removeEvents, refuseEvent, countOutbox };
