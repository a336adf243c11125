import { stringify } from 'yaml';
import { ALERT_WINDOW, ALERTS } from '../../../host/observe/alerts.ts';
import { share } from '../../../host/observe/expression.ts';
import { BURN_RATES, OBJECTIVES, type Objective } from '../../../host/observe/objectives.ts';
import { isPresent, SCOPE } from '../../../host/observe/panel.ts';
import { toPromql } from '../../../host/observe/promql.ts';

/** A rule as Prometheus reads it. */
type Rule = { expr: string } & (
  | { record: string; labels?: Record<string, string> }
  | { alert: string; for?: string; labels: Record<string, string>; annotations: Record<string, string> }
);

const NOTE = '# Generated from host/observe by test/check/sight.ts; do not edit.\n';
const SECONDS = { m: 60, h: 3600, d: 86_400 };

/** The windows of all burn rates, from the shortest to the longest. */
const WINDOWS = [...new Set(BURN_RATES.flatMap(({ long, short }) => [long, short]))].sort(
  (a, b) => secondsOf(a) - secondsOf(b),
);

/** Returns the rules that record each objective over several windows and warn if its failures end the permitted ones early. */
export function objectiveRules(): string {
  const objectives = OBJECTIVES.filter(isPresent);
  return file(
    objectives.flatMap((objective) => [
      { name: `nearlight-${objective.id}`, rules: recordings(objective) },
      { name: `nearlight-${objective.id}-alerts`, rules: budgetAlerts(objective) },
    ]),
  );
}

/** Returns the rules of all other alerts. */
export function alertRules(): string {
  const rules = ALERTS.filter(isPresent).map(({ name, severity, when, above, forAtLeast, summary, advice }) => ({
    alert: name,
    expr: `${toPromql(when, { scope: SCOPE, window: ALERT_WINDOW })} > ${above}`,
    for: forAtLeast,
    labels: { severity },
    annotations: { summary, description: advice },
  }));
  return file([{ name: 'nearlight-alerts', rules }]);
}

function recordings({ id, failures }: Objective): Rule[] {
  if (failures.kind === 'events')
    return WINDOWS.map((window) => ({
      record: ratioOf(id, window),
      expr: toPromql(share(failures.bad, failures.all), { scope: SCOPE, window }),
    }));
  const bad = `nearlight:${id}:bad`;
  return [
    { record: bad, expr: `${toPromql(failures.gauge, { scope: SCOPE, window: '' })} > bool ${failures.above}` },
    ...WINDOWS.map((window) => ({ record: ratioOf(id, window), expr: `avg_over_time(${bad}[${window}])` })),
  ];
}

function budgetAlerts({ id, title, about, goal, failures, advice }: Objective): Rule[] {
  const permitted = Number((1 - goal).toFixed(9));
  const percent = `${Number((goal * 100).toFixed(3))} %`;
  return BURN_RATES.map(({ times, long, short, severity }) => {
    const bound = Number((times * permitted).toFixed(9));
    const conditions = [long, short].map((window) => `${ratioOf(id, window)} > ${bound}`);
    if (failures.kind === 'events') {
      const all = toPromql(failures.all, { scope: SCOPE, window: long });
      conditions.push(`(${all}) * ${secondsOf(long)} >= ${failures.least}`);
    }
    return {
      alert: `Nearlight${id[0]?.toUpperCase()}${id.slice(1)}Budget`,
      expr: conditions.join(' and '),
      labels: { severity, objective: id, window: long },
      annotations: {
        summary: `${title}: {{ $value | humanizePercentage }} failed in the last ${long}, and the goal is ${percent}.`,
        description: `${about} At this rate, the failures that the goal permits in 30 days end within ${daysOf(times)}. ${advice}`,
      },
    };
  });
}

function daysOf(times: number): string {
  const days = 30 / times;
  return days >= 5 ? `${Math.round(days)} days` : `${Math.round(days * 24)} hours`;
}

function ratioOf(id: string, window: string): string {
  return `nearlight:${id}_failures:ratio_${window}`;
}

function secondsOf(window: string): number {
  return Number.parseInt(window, 10) * SECONDS[window.slice(-1) as keyof typeof SECONDS];
}

function file(groups: { name: string; rules: Rule[] }[]): string {
  return NOTE + stringify({ groups }, { lineWidth: 0 });
}
