import { max, plus, quantile, rate } from '../expression.ts';
import type { Board } from '../panel.ts';

const DECISIONS = 'nearlight_admission_decisions_total';

export const protection: Board = {
  id: 'protection',
  title: 'Protection',
  about: 'A row for each step that protects games: how much it handles, what fails, and how long it takes to recover.',
  one: 'node',
  panels: [
    {
      id: 'handled',
      title: 'Handled',
      about: 'Joins by the steps of admission, input that was governed, messages between rooms, events for the centre.',
      shape: 'heat',
      unit: 'per second',
      queries: [
        { expression: rate(DECISIONS, { by: ['step'] }), name: '{step}' },
        {
          expression: plus(rate('nearlight_inputs_coalesced_total'), rate('nearlight_inputs_dropped_total')),
          name: 'input',
        },
        { expression: rate('nearlight_bus_messages_total'), name: 'bus' },
        { expression: rate('nearlight_outbox_sent_total'), name: 'outbox' },
      ],
    },
    {
      id: 'errors',
      title: 'Refused, dropped and failed',
      about: 'What the same steps have not let pass, or could not do.',
      shape: 'heat',
      isBad: true,
      unit: 'per second',
      queries: [
        { expression: rate(DECISIONS, { match: { code: { not: ['ok'] } }, by: ['step'] }), name: '{step}' },
        { expression: rate('nearlight_inputs_dropped_total'), name: 'input' },
        { expression: rate('nearlight_bus_dropped_total'), name: 'bus' },
        { expression: rate('nearlight_outbox_failures_total'), name: 'outbox' },
      ],
    },
    {
      id: 'time',
      title: 'Time of a step, P99',
      about: 'A step that waits for its dependency is slow before it fails.',
      shape: 'heat',
      unit: 'seconds',
      queries: [
        { expression: quantile(0.99, 'nearlight_admission_step_seconds', { by: ['step'] }), name: '{step}' },
        { expression: quantile(0.99, 'nearlight_store_commit_seconds'), name: 'store' },
      ],
    },
    {
      id: 'recovery',
      title: 'Recovery time',
      about: 'From the first failure of what a step depends on to the next success. It grows while the failure lasts.',
      shape: 'heat',
      isBad: true,
      unit: 'seconds',
      queries: [{ expression: max('nearlight_protection_recovery_seconds', { by: ['step'] }), name: '{step}' }],
    },
  ],
};
