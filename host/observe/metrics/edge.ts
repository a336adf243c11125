import type { EdgeFigures, LinkFigures } from '../edge.ts';
import type { Meters } from '../meters.ts';
import { type Add, buckets, type Kind, plain } from './add.ts';

export function addEdge(add: Add, meters: Meters, read: () => EdgeFigures): void {
  const single = (name: string, type: Kind, help: string, value: (figures: EdgeFigures) => number) =>
    add(name, type, help, () => plain(value(read())));
  single('nearlight_outbox_waiting', 'gauge', 'Events that wait to be sent.', ({ waiting }) => waiting);
  single(
    'nearlight_outbox_oldest_seconds',
    'gauge',
    'Age of the event that has waited longest; 0 if none waits.',
    (edge) => edge.oldestSeconds,
  );
  single('nearlight_outbox_sent_total', 'counter', 'Events that the sink has accepted.', ({ sent }) => sent);
  single(
    'nearlight_outbox_failures_total',
    'counter',
    'Requests to the sink that have failed.',
    (edge) => edge.failures,
  );
  single('nearlight_outbox_refused', 'gauge', 'Events that the sink has refused for good.', ({ refused }) => refused);
  single('nearlight_outbox_local', 'gauge', 'Events that may not leave the node.', ({ local }) => local);
  single(
    'nearlight_store_held',
    'gauge',
    'Match results and events that wait for room on the disk.',
    ({ held }) => held,
  );
  single(
    'nearlight_store_damaged_total',
    'counter',
    'Damaged files of the store that were set aside.',
    (edge) => edge.damaged,
  );
  single(
    'nearlight_store_salvaged_rows_total',
    'counter',
    'Rows that were saved from damaged files of the store.',
    (edge) => edge.salvaged,
  );
  add(
    'nearlight_store_given_up',
    'gauge',
    'Whether the store gives up a kind of data because the disk is full: 1 or 0.',
    () => Object.entries(read().givenUp).map(([what, isGivenUp]) => ({ labels: { what }, value: Number(isGivenUp) })),
  );
  add(
    'nearlight_store_commit_seconds',
    'histogram',
    'Time of a write of the store to the disk, which calls share.',
    (name) => buckets(name, meters.storeCommit),
  );
}

export function addLink(add: Add, read: () => LinkFigures): void {
  add('nearlight_edge_up', 'gauge', 'Whether the edge service answers: 1 or 0.', () => plain(Number(read().isUp)));
  add('nearlight_edge_reports_waiting', 'gauge', 'Reports that the edge service has not acknowledged.', () =>
    plain(read().waiting),
  );
  add('nearlight_edge_reports_total', 'counter', 'Reports to the edge service, by what became of them.', () => [
    { labels: { outcome: 'sent' }, value: read().sent },
    { labels: { outcome: 'dropped' }, value: read().dropped },
  ]);
  add('nearlight_edge_failures_total', 'counter', 'Requests to which the edge service has not answered.', () =>
    plain(read().failures),
  );
}

export function addMoves(add: Add, { moves, movesOpen, move, moveUndo }: Meters): void {
  add(
    'nearlight_moves_total',
    'counter',
    'Players who moved to another game or host (committed), stayed (compensated, or refused at once), or came (arrived).',
    () => Object.entries(moves).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  add('nearlight_moves_open', 'gauge', 'Moves of players that are not finished, from and to this host.', () =>
    Object.entries(movesOpen).map(([way, value]) => ({ labels: { way }, value })),
  );
  add('nearlight_move_seconds', 'histogram', 'Time of a move of a player, until it was done or undone.', (name) =>
    buckets(name, move),
  );
  add('nearlight_move_undo_seconds', 'histogram', 'Time that undoing a move of a player took.', (name) =>
    buckets(name, moveUndo),
  );
}
