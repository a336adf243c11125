import { complement, max, quantile, rate, share } from '../expression.ts';
import type { Board } from '../panel.ts';

const CALLS = 'nearlight_dependency_calls_total';
const NOT_OK = { match: { outcome: { not: ['ok'] } } } as const;

export const dependencies: Board = {
  id: 'dependencies',
  title: 'Dependencies',
  about:
    'The services that hosts ask: which of them fail, and what that costs. A host asks only those that its settings name.',
  one: 'node',
  panels: [
    {
      id: 'answered',
      title: 'Good answers',
      about: 'Part of the calls of all services that had a good answer in time.',
      shape: 'figure',
      unit: 'share',
      queries: [{ expression: complement(share(rate(CALLS, NOT_OK), rate(CALLS))), name: 'good' }],
    },
    {
      id: 'breakers',
      title: 'Open breakers',
      about: 'Services that are not asked for a moment, because half of the calls have failed. Matches go on.',
      shape: 'heat',
      isBad: true,
      unit: 'number',
      queries: [
        {
          expression: max('nearlight_dependency_state', {
            match: { state: ['open', 'half-open'] },
            by: ['dependency'],
          }),
          name: '{dependency}',
        },
      ],
    },
    {
      id: 'recovery',
      title: 'Recovery time',
      about: 'From the first failure of a service to its next success. It grows while the failure lasts.',
      shape: 'heat',
      isBad: true,
      unit: 'seconds',
      queries: [
        { expression: max('nearlight_dependency_recovery_seconds', { by: ['dependency'] }), name: '{dependency}' },
      ],
    },
    {
      id: 'calls',
      title: 'Calls',
      about: 'All calls, also those that a breaker or a limit has refused.',
      shape: 'lines',
      unit: 'per second',
      queries: [{ expression: rate(CALLS, { by: ['dependency'] }), name: '{dependency}' }],
    },
    {
      id: 'failures',
      title: 'Calls without a good answer',
      about: 'Failed or too late (timeout), refused by the breaker (open), or by the bound of calls at once (full).',
      shape: 'stacked',
      unit: 'per second',
      queries: [
        { expression: rate(CALLS, { ...NOT_OK, by: ['dependency', 'outcome'] }), name: '{dependency}: {outcome}' },
      ],
    },
    {
      id: 'repeats',
      title: 'Repeated calls',
      about: 'Calls that were made again after a failure. Many of them, and few failures, say that a line is bad.',
      shape: 'lines',
      unit: 'per second',
      queries: [
        { expression: rate('nearlight_dependency_repeats_total', { by: ['dependency'] }), name: '{dependency}' },
      ],
    },
    {
      id: 'call-time',
      title: 'Time of a call, P99',
      about: 'With its waiting and its repetition. What takes longer than a second shows as a second.',
      shape: 'lines',
      unit: 'seconds',
      queries: [
        {
          expression: quantile(0.99, 'nearlight_dependency_call_seconds', { by: ['dependency'] }),
          name: '{dependency}',
        },
      ],
    },
    {
      id: 'limits',
      title: 'Beyond ENDPOINT_RULES',
      about: 'Requests of pages, and calls of services, that a rule of the operator has held back or refused.',
      shape: 'stacked',
      unit: 'per second',
      queries: [
        {
          expression: rate('nearlight_endpoint_excess_total', { by: ['endpoint', 'fate'] }),
          name: '{endpoint}: {fate}',
        },
      ],
    },
  ],
};
