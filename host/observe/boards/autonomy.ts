import { max, quantile, rate, sum } from '../expression.ts';
import type { Board } from '../panel.ts';

export const autonomy: Board = {
  id: 'autonomy',
  title: 'Edge autonomy',
  about: 'What nodes hold for the centre while the line is cut, and how fast it gets there afterwards.',
  one: 'node',
  part: 'store',
  panels: [
    {
      id: 'oldest',
      title: 'Oldest event',
      about: 'Age of the oldest event that has not reached the centre. It grows while the line is cut.',
      shape: 'figure',
      unit: 'seconds',
      queries: [{ expression: max('nearlight_outbox_oldest_seconds'), name: 'oldest' }],
    },
    {
      id: 'waiting',
      title: 'Events that wait',
      about: 'Events in the outboxes of the nodes.',
      shape: 'lines',
      unit: 'number',
      queries: [{ expression: sum('nearlight_outbox_waiting'), name: 'waiting' }],
    },
    {
      id: 'sending',
      title: 'Events sent, and attempts that failed',
      about: 'Attempts fail while the line is cut, and are made again.',
      shape: 'lines',
      unit: 'per second',
      queries: [
        { expression: rate('nearlight_outbox_sent_total'), name: 'sent' },
        { expression: rate('nearlight_outbox_failures_total'), name: 'failed' },
      ],
    },
    {
      id: 'kept',
      title: 'Kept back',
      about:
        'Events that the centre has refused for good, that may not leave the node, and that wait for room on the disk.',
      shape: 'lines',
      unit: 'number',
      queries: [
        { expression: sum('nearlight_outbox_refused'), name: 'refused' },
        { expression: sum('nearlight_outbox_local'), name: 'local' },
        { expression: sum('nearlight_store_held'), name: 'no room' },
      ],
    },
    {
      id: 'moves',
      title: 'Players who move',
      about:
        'To another game or host (committed), who stay because that failed (compensated, refused), and who come (arrived).',
      shape: 'stacked',
      unit: 'per second',
      queries: [{ expression: rate('nearlight_moves_total', { by: ['outcome'] }), name: '{outcome}' }],
    },
    {
      id: 'move-time',
      title: 'Time of a move',
      about:
        'P99 of a move until it is decided, and of undoing one. What takes longer than a second shows as a second.',
      shape: 'lines',
      unit: 'seconds',
      queries: [
        { expression: quantile(0.99, 'nearlight_move_seconds'), name: 'move' },
        { expression: quantile(0.99, 'nearlight_move_undo_seconds'), name: 'undoing' },
      ],
    },
  ],
};
