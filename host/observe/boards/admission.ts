import { JOIN_STEPS } from '../../base/join-steps.ts';
import { complement, quantile, rate, share } from '../expression.ts';
import type { Board } from '../panel.ts';

const DECISIONS = 'nearlight_admission_decisions_total';
const STEPS = 'nearlight_admission_step_seconds';

export const admission: Board = {
  id: 'admission',
  title: 'Admission',
  about: 'Who is let in, who is not and why, and how long a decision takes.',
  one: 'node',
  part: 'admission',
  panels: [
    {
      id: 'admitted',
      title: 'Passed',
      about: 'Part of all decisions, of all steps, that let a player pass.',
      shape: 'figure',
      unit: 'share',
      queries: [
        {
          expression: complement(share(rate(DECISIONS, { match: { code: { not: ['ok'] } } }), rate(DECISIONS))),
          name: 'passed',
        },
      ],
    },
    {
      id: 'decisions',
      order: JOIN_STEPS,
      title: 'Decisions by step',
      about: 'Each join passes the steps in order until one of them refuses it.',
      shape: 'lines',
      unit: 'per second',
      queries: [{ expression: rate(DECISIONS, { by: ['step'] }), name: '{step}' }],
    },
    {
      id: 'codes',
      title: 'Decisions by code',
      about:
        'ok, or why a step refuses: host/edge/admission/reasons.ts. Names in capitals are codes of host/base/errors.ts.',
      shape: 'stacked',
      unit: 'per second',
      queries: [{ expression: rate(DECISIONS, { by: ['code'] }), name: '{code}' }],
    },
    {
      id: 'step-time',
      order: JOIN_STEPS,
      title: 'Time of each step, P99',
      about: 'A step that needs a dependency is slow when its cache is cold.',
      shape: 'lines',
      unit: 'seconds',
      queries: [{ expression: quantile(0.99, STEPS, { by: ['step'] }), name: '{step}' }],
      goal: 0.005,
    },
  ],
};
