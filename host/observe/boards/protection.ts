import { JOIN_STEPS } from '../../base/join-steps.ts';
import { max, plus, quantile, rate, share, sum } from '../expression.ts';
import type { Board } from '../panel.ts';

const DECISIONS = 'nearlight_admission_decisions_total';
/** The steps in the order in which a player meets them. */
const STEPS = [...JOIN_STEPS, 'input', 'bus', 'outbox', 'store'];

export const protection: Board = {
  id: 'protection',
  title: 'Protection',
  about: 'A row for each step that protects games: how much it handles, what fails, and how long it takes to recover.',
  one: 'node',
  panels: [
    {
      id: 'handled',
      order: STEPS,
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
      order: STEPS,
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
      order: STEPS,
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
      order: STEPS,
      title: 'Recovery time',
      about:
        'From the first failure of what a step depends on, or the first input that is dropped, to the next success. It grows while that lasts.',
      shape: 'heat',
      isBad: true,
      unit: 'seconds',
      queries: [{ expression: max('nearlight_protection_recovery_seconds', { by: ['step'] }), name: '{step}' }],
    },
    {
      id: 'budget',
      order: STEPS,
      title: 'P95 against its budget',
      about:
        'Time of a step as a multiple of what it may take. Only steps that ran 20 times in ten seconds have a value.',
      shape: 'lines',
      unit: 'times',
      goal: 1,
      queries: [
        {
          expression: share(
            max('nearlight_protection_p95_seconds', { by: ['step'] }),
            max('nearlight_protection_budget_seconds', { by: ['step'] }),
          ),
          name: '{step}',
        },
      ],
    },
    {
      id: 'modes',
      title: 'Protection modes',
      about:
        'Patterns of pressure that are recognised, so that less may wait at a time: EDGE.md says what each mode does.',
      shape: 'heat',
      isBad: true,
      unit: 'number',
      queries: [{ expression: max('nearlight_pressure_high', { by: ['fingerprint'] }), name: '{fingerprint}' }],
    },
    {
      id: 'mode-refusals',
      title: 'Refused by a protection mode',
      about: 'Joins and moves beyond the limit of their mode. Pages try again by themselves.',
      shape: 'stacked',
      unit: 'per second',
      queries: [
        { expression: rate('nearlight_pressure_refused_total', { by: ['fingerprint'] }), name: '{fingerprint}' },
      ],
    },
    {
      id: 'faults',
      title: 'Faults on purpose',
      about: 'Faults that an operator injects now (CHAOS=on). None should be here while people play for real.',
      shape: 'stacked',
      unit: 'number',
      queries: [{ expression: sum('nearlight_faults_active', { by: ['place', 'kind'] }), name: '{place}: {kind}' }],
    },
  ],
};
