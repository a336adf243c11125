import { complement, quantile, rate, scaled, share, sum } from '../expression.ts';
import { OBJECTIVES, type Objective } from '../objectives.ts';
import { type Board, isPresent, type Panel } from '../panel.ts';

/** Panels of an objective whose failures are events: the part of good ones, and how fast the permitted failures are used up. */
function objectivePanels({ id, title, about, goal, failures }: Objective): Panel[] {
  if (failures.kind !== 'events') return [];
  const failing = share(failures.bad, failures.all);
  return [
    {
      id,
      title,
      about: `${about} The goal is ${Number((goal * 100).toFixed(3))} %.`,
      shape: 'figure',
      unit: 'share',
      decimals: 3,
      queries: [{ expression: complement(failing), name: title }],
      goal,
      goalIs: 'least',
    },
    {
      id: `${id}-burn`,
      title: `${title}: burn rate`,
      about:
        'Failures as a multiple of those that the goal permits. Above 1, the permitted failures of 30 days end early.',
      shape: 'lines',
      unit: 'times',
      queries: [{ expression: scaled(failing, Number((1 / (1 - goal)).toFixed(6))), name: 'burn rate' }],
      goal: 1,
    },
  ];
}

export const fleet: Board = {
  id: 'fleet',
  title: 'Fleet',
  about: 'All hosts together: what players get, and what fails.',
  panels: [
    {
      id: 'players',
      title: 'Players',
      about: 'Pages that are connected now.',
      shape: 'figure',
      unit: 'number',
      queries: [{ expression: sum('nearlight_sessions'), name: 'players' }],
    },
    {
      id: 'seats',
      title: 'Seats',
      about: 'Seats of the running games. If none is free, newcomers wait.',
      shape: 'stacked',
      unit: 'number',
      queries: [{ expression: sum('nearlight_seats', { by: ['state'] }), name: '{state}' }],
    },
    ...OBJECTIVES.filter(isPresent).flatMap(objectivePanels),
    {
      id: 'latency',
      title: 'Latency that players see',
      about: 'Time from an input to the picture that shows it, as the pages report it.',
      shape: 'lines',
      unit: 'seconds',
      queries: [
        { expression: quantile(0.5, 'nearlight_page_stage_seconds', { match: { stage: 'total' } }), name: 'P50' },
        { expression: quantile(0.99, 'nearlight_page_stage_seconds', { match: { stage: 'total' } }), name: 'P99' },
      ],
      goal: 0.1,
    },
    {
      id: 'joins',
      title: 'Players who come',
      about: 'Pages that connect, each second.',
      shape: 'lines',
      unit: 'per second',
      queries: [{ expression: rate('nearlight_sessions_joined_total'), name: 'joined' }],
    },
    {
      id: 'ends',
      title: 'Connections that end',
      about: 'By reason. "page" and "deleted" are players who leave, "failed" is a fault.',
      shape: 'stacked',
      unit: 'per second',
      queries: [{ expression: rate('nearlight_sessions_ended_total', { by: ['reason'] }), name: '{reason}' }],
    },
    {
      id: 'refusals',
      title: 'Requests that are refused',
      about: 'By code. The list of codes is in host/base/errors.ts.',
      shape: 'stacked',
      unit: 'per second',
      queries: [{ expression: rate('nearlight_requests_refused_total', { by: ['code'] }), name: '{code}' }],
    },
    {
      id: 'games-ended',
      title: 'Games that end',
      about: 'By code. Any other code than NL_GUEST_EXIT is a fault of the game or of its host.',
      shape: 'stacked',
      unit: 'per second',
      queries: [{ expression: rate('nearlight_games_ended_total', { by: ['code'] }), name: '{code}' }],
    },
    {
      id: 'versions',
      title: 'Hosts by version',
      about: 'How many hosts run which version, on which GPU.',
      shape: 'stacked',
      unit: 'number',
      queries: [{ expression: sum('nearlight_build_info', { by: ['version', 'gpu'] }), name: '{version} on {gpu}' }],
    },
  ],
};
