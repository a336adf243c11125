import type { Meters } from '../meters.ts';
import { type Add, buckets } from './add.ts';

export function addJoins(add: Add, { joinDecisions, joinSteps }: Meters): void {
  add('nearlight_admission_decisions_total', 'counter', 'Outcomes of the steps of joins, by step and reason.', () =>
    Object.entries(joinDecisions).flatMap(([step, outcomes]) =>
      [...outcomes].map(([code, value]) => ({ labels: { step, code }, value })),
    ),
  );
  add('nearlight_admission_step_seconds', 'histogram', 'Time that a step of a join takes.', (name) =>
    Object.entries(joinSteps).flatMap(([step, histogram]) => buckets(name, histogram, { step })),
  );
}

export function addRules(add: Add, meters: Meters): void {
  add('nearlight_rule_decisions_total', 'counter', 'Decisions of risk rules; failed: the rule could not decide.', () =>
    [...meters.ruleDecisions.values()].map(({ rule, verdict, count }) => ({ labels: { rule, verdict }, value: count })),
  );
  add(
    'nearlight_rule_decision_seconds',
    'histogram',
    'Time that a decision of a risk rule took, with waiting.',
    (name) => buckets(name, meters.ruleDecision),
  );
}
