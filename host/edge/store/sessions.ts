import type { DatabaseSync } from 'node:sqlite';
import { fields, flag, integer, list, optional, text, time } from './bounds.ts';
import type { Operation } from './operation.ts';
import { prepareEvent } from './outbox.ts';

/** One run of a game on this node. */
export interface Session {
  id: string;
  game: string;
  startedAt: number;
  /** Undefined while the session runs. */
  endedAt: number | undefined;
  /** Number of players that have joined. */
  players: number;
  /** Error code of its end, "closed" for an orderly end, or "lost" if the process ended first. */
  reason: string | undefined;
  /** True if nothing about the session may leave the node. */
  local: boolean;
  /** SHA-256 of the game's asset config.json, in hexadecimal digits. Missing if there is no such asset. */
  config?: string;
}

export interface SessionStart extends Pick<Session, 'id' | 'game' | 'startedAt' | 'local' | 'config'> {}

export interface SessionEnd {
  id: string;
  endedAt: number;
  players: number;
  reason: string;
}

export const SESSION_ENDED = 'nearlight.session.ended';
const COLUMNS = 'id, game, started_at AS startedAt, ended_at AS endedAt, players, reason, local, config';

interface Row {
  id: string;
  game: string;
  startedAt: number;
  endedAt: number | null;
  players: number;
  reason: string | null;
  local: number;
  config: string | null;
}

function toSession({ endedAt, reason, local, config, ...rest }: Row): Session {
  const session = { ...rest, endedAt: endedAt ?? undefined, reason: reason ?? undefined, local: local === 1 };
  return config === null ? session : { ...session, config };
}

/** Prepares what ends a session that still runs, together with the event about it. Returns whether one was ended. */
function prepareEnd(db: DatabaseSync): (end: SessionEnd) => boolean {
  const end = db.prepare(
    `UPDATE sessions SET ended_at = ?, players = max(players, ?), reason = ? WHERE id = ? AND ended_at IS NULL
     RETURNING ${COLUMNS}`,
  );
  const addEvent = prepareEvent(db);
  return ({ id, endedAt, players, reason }) => {
    const row = end.get(endedAt, players, reason, id) as Row | undefined;
    if (!row) return false;
    const { local, ...data } = toSession(row);
    addEvent({
      id: `${id}/ended`,
      type: SESSION_ENDED,
      subject: id,
      time: endedAt,
      data: JSON.stringify(data),
      local,
    });
    return true;
  };
}

const startSession: Operation<SessionStart, void> = {
  kind: 'state',
  check: fields<SessionStart>({ id: text(), game: text(), startedAt: time, local: flag, config: optional(text()) }),
  prepare(db) {
    const start = db.prepare(
      'INSERT OR IGNORE INTO sessions (id, game, started_at, local, config) VALUES (?, ?, ?, ?, ?)',
    );
    return ({ id, game, startedAt, local, config = null }) => {
      start.run(id, game, startedAt, Number(local), config);
    };
  },
};

/** Keeps how many players have joined so far, so that a session that is lost still has a number. */
const countPlayers: Operation<{ id: string; players: number }, void> = {
  kind: 'state',
  check: fields({ id: text(), players: integer(2 ** 32) }),
  prepare(db) {
    const count = db.prepare('UPDATE sessions SET players = max(players, ?) WHERE id = ? AND ended_at IS NULL');
    return ({ id, players }) => {
      count.run(players, id);
    };
  },
};

const endSession: Operation<SessionEnd, boolean> = {
  kind: 'result',
  check: fields({ id: text(), endedAt: time, players: integer(2 ** 32), reason: text() }),
  prepare: prepareEnd,
};

/** Ends the sessions that an earlier process has left open. Returns their number. */
const endLostSessions: Operation<{ at: number }, number> = {
  kind: 'result',
  check: fields({ at: time }),
  prepare(db) {
    const open = db.prepare('SELECT id FROM sessions WHERE ended_at IS NULL ORDER BY started_at');
    const end = prepareEnd(db);
    return ({ at }) => {
      const lost = open.all() as unknown as { id: string }[];
      for (const { id } of lost) end({ id, endedAt: at, players: 0, reason: 'lost' });
      return lost.length;
    };
  },
};

/** Ends the sessions that began before a time, except those that run. Returns the number of those that were ended. */
const endSessionsExcept: Operation<{ at: number; running: string[]; before: number }, number> = {
  kind: 'result',
  check: fields({ at: time, running: list(text()), before: time }),
  prepare(db) {
    const open = db.prepare('SELECT id FROM sessions WHERE ended_at IS NULL AND started_at < ? ORDER BY started_at');
    const end = prepareEnd(db);
    return ({ at, running, before }) => {
      const kept = new Set(running);
      const lost = (open.all(before) as unknown as { id: string }[]).filter(({ id }) => !kept.has(id));
      for (const { id } of lost) end({ id, endedAt: at, players: 0, reason: 'lost' });
      return lost.length;
    };
  },
};

const getSession: Operation<{ id: string }, Session | undefined> = {
  kind: 'read',
  check: fields({ id: text() }),
  prepare(db) {
    const get = db.prepare(`SELECT ${COLUMNS} FROM sessions WHERE id = ?`);
    return ({ id }) => {
      const row = get.get(id) as Row | undefined;
      return row && toSession(row);
    };
  },
};

export const sessions = { startSession, countPlayers, endSession, endLostSessions, endSessionsExcept, getSession };
