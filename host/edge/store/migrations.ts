/** Marks a file as a store of Nearlight ("NLst"), so that no other program's database is taken for one. */
export const APPLICATION_ID = 0x4e4c7374;

/**
 * The steps from an empty file to the present schema. Step N leads from version N to N + 1, in one transaction. Steps that were
 * released never change; append another one instead.
 *
 * Tables have row ids, because salvage reads a damaged table by them. Times are milliseconds since 1970.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
  INSERT INTO meta VALUES ('source', 'urn:nearlight:node:' || lower(hex(randomblob(16))));

  CREATE TABLE players (
    id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, seen_at INTEGER NOT NULL, local INTEGER NOT NULL, data TEXT NOT NULL
  ) STRICT;
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL, game TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
    players INTEGER NOT NULL DEFAULT 0, reason TEXT, local INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX sessions_open ON sessions (started_at) WHERE ended_at IS NULL;
  CREATE TABLE results (
    id TEXT PRIMARY KEY NOT NULL, match TEXT NOT NULL, ended_at INTEGER NOT NULL, data TEXT NOT NULL, local INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX results_match ON results (match, ended_at);
  CREATE TABLE saves (
    id TEXT PRIMARY KEY NOT NULL, game TEXT NOT NULL, saved_at INTEGER NOT NULL, state BLOB NOT NULL
  ) STRICT;
  CREATE TABLE tickets (id TEXT PRIMARY KEY NOT NULL, used_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
  CREATE INDEX tickets_expiry ON tickets (expires_at);
  CREATE TABLE cache (
    name TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL, stored_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX cache_expiry ON cache (expires_at);

  CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, type TEXT NOT NULL,
    subject TEXT NOT NULL, time INTEGER NOT NULL, data TEXT NOT NULL, local INTEGER NOT NULL CHECK (local IN (0, 1)),
    refused TEXT
  ) STRICT;
  CREATE INDEX outbox_sendable ON outbox (sequence, time) WHERE local = 0 AND refused IS NULL;
  -- Everything that is sent is read from this view, so an event that is marked as local cannot leave the node.
  CREATE VIEW sendable AS
    SELECT sequence, id, source, type, subject, time, data FROM outbox WHERE local = 0 AND refused IS NULL;
  CREATE TABLE inbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL,
    subject TEXT NOT NULL, time INTEGER NOT NULL, data TEXT NOT NULL, received_at INTEGER NOT NULL, UNIQUE (source, id)
  ) STRICT;
  CREATE INDEX inbox_age ON inbox (received_at);

  CREATE TABLE sagas (
    id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL, trace TEXT NOT NULL,
    data TEXT NOT NULL, updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX sagas_state ON sagas (state, updated_at);

  CREATE TABLE traces (sequence INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE logs (sequence INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  `,
  `
  ALTER TABLE outbox ADD COLUMN traceparent TEXT;
  DROP VIEW sendable;
  CREATE VIEW sendable AS
    SELECT sequence, id, source, type, subject, time, data, traceparent FROM outbox WHERE local = 0 AND refused IS NULL;
  `,
  `
  ALTER TABLE sessions ADD COLUMN config TEXT;
  `,
];
