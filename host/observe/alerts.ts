import { complement, type Expression, max, quantile, rate, share, sum } from './expression.ts';
import type { Part } from './panel.ts';

/** A state of hosts that needs a person. The alerts of objectives (objectives.ts) are made from the objectives. */
export interface Alert {
  readonly name: string;
  /** `page`: now, because players suffer. `ticket`: during working hours. */
  readonly severity: 'page' | 'ticket';
  readonly when: Expression;
  /** The alert fires if `when` is above this for `forAtLeast`. */
  readonly above: number;
  /** How long, as Prometheus writes it. */
  readonly forAtLeast: string;
  /** One line. `{{ $labels.NAME }}` stands for a label by which `when` is grouped, and `{{ $value }}` for its value. */
  readonly summary: string;
  /** The first steps to take. */
  readonly advice: string;
  readonly part?: Part;
}

/** Window of the rates and quantiles of these alerts. */
export const ALERT_WINDOW = '5m';

export const ALERTS: readonly Alert[] = [
  {
    name: 'NearlightHostDown',
    severity: 'page',
    when: complement(sum('up', { by: ['node', 'pod'] })),
    above: 0,
    forAtLeast: '1m',
    summary: 'The host {{ $labels.pod }} on {{ $labels.node }} does not answer Prometheus.',
    advice: 'Look at /readyz of its operator port and at its log. Kubernetes replaces a pod whose host is gone.',
  },
  {
    name: 'NearlightNoSeats',
    severity: 'page',
    when: complement(sum('nearlight_seats', { match: { state: 'free' } })),
    above: 0,
    forAtLeast: '5m',
    summary: 'No seat is free on any host, so newcomers wait.',
    advice: 'Add pods, or raise MAX_PLAYERS if the game and the nodes bear it.',
  },
  {
    name: 'NearlightGpuLost',
    severity: 'page',
    when: rate('nearlight_gpu_losses_total', { by: ['node'] }),
    above: 0,
    forAtLeast: '0m',
    summary: 'The GPU of {{ $labels.node }} was lost.',
    advice:
      'Games that save their state go on. If it happens again, look at the driver with dmesg, and at the log for a game that hangs the GPU.',
  },
  {
    name: 'NearlightGameFailed',
    severity: 'ticket',
    when: rate('nearlight_games_ended_total', { match: { code: { not: ['NL_GUEST_EXIT'] } }, by: ['pod', 'code'] }),
    above: 0,
    forAtLeast: '0m',
    summary: 'A game in {{ $labels.pod }} ended with {{ $labels.code }}.',
    advice: 'The log of the pod has the message. The author of the game can replay a recording of the session.',
  },
  {
    name: 'NearlightLatencyHigh',
    severity: 'ticket',
    // The host's own measurement: pages can lie about theirs (host/THREATS.md).
    when: quantile(0.99, 'nearlight_input_to_send_seconds', { by: ['node'] }),
    above: 0.1,
    forAtLeast: '10m',
    summary: 'One picture in a hundred from {{ $labels.node }} takes {{ $value | humanizeDuration }} in the host.',
    advice:
      'The board "Room" shows in which stage the time goes, and the board "Node" whether the node has too much to do.',
  },
  {
    name: 'NearlightWritesLost',
    severity: 'ticket',
    when: rate('nearlight_writes_lost_total', { by: ['node', 'what'] }),
    above: 0,
    forAtLeast: '5m',
    summary: 'Hosts on {{ $labels.node }} cannot write: {{ $labels.what }}.',
    advice: 'Look for a full disk, and for a reader of the log that is too slow.',
  },
  {
    name: 'NearlightAdmissionSlow',
    severity: 'ticket',
    part: 'admission',
    when: quantile(0.95, 'nearlight_admission_step_seconds', { by: ['node', 'step'] }),
    above: 0.005,
    forAtLeast: '5m',
    summary: 'The step {{ $labels.step }} of admission on {{ $labels.node }} takes {{ $value | humanizeDuration }}.',
    advice: 'Look at the dependency of the step. Decisions from caches are fast.',
  },
  {
    name: 'NearlightStepOverBudget',
    severity: 'ticket',
    when: share(
      max('nearlight_protection_p95_seconds', { by: ['node', 'step'] }),
      max('nearlight_protection_budget_seconds', { by: ['node', 'step'] }),
    ),
    above: 1,
    forAtLeast: '1m',
    summary: 'The step {{ $labels.step }} on {{ $labels.node }} takes {{ $value | humanize }} times its budget.',
    advice:
      'If faults are injected there (nearlight_faults_active), they have ended by themselves. Otherwise look at nearlight_pressure_high and at the dependency of the step.',
  },
  {
    name: 'NearlightDependencyDown',
    severity: 'ticket',
    // A breaker that lets one call try the service is not closed yet.
    when: max('nearlight_dependency_state', {
      match: { state: ['open', 'half-open'] },
      by: ['node', 'dependency'],
    }),
    above: 0,
    forAtLeast: '2m',
    summary: 'Hosts on {{ $labels.node }} do not ask {{ $labels.dependency }} any more, because it fails.',
    advice: 'host/DEPENDENCIES.md says what goes on without it. The next call that succeeds ends this.',
  },
  {
    name: 'NearlightPressureHigh',
    severity: 'ticket',
    when: max('nearlight_pressure_high', { by: ['node', 'fingerprint'] }),
    above: 0,
    forAtLeast: '5m',
    summary: 'The protection mode for {{ $labels.fingerprint }} on {{ $labels.node }} has not ended for 5 minutes.',
    advice: 'A burst is shorter. Add pods, or raise the bound (BURST_...) if the host bears it: host/edge/EDGE.md.',
  },
  {
    name: 'NearlightEndpointLimited',
    severity: 'ticket',
    when: rate('nearlight_endpoint_excess_total', { match: { fate: 'rejected' }, by: ['node', 'endpoint'] }),
    above: 0,
    forAtLeast: '5m',
    summary: 'A rule of ENDPOINT_RULES on {{ $labels.node }} refuses calls of {{ $labels.endpoint }}.',
    advice: 'If the limit is too low, change the file; hosts read it again by themselves.',
  },
  {
    name: 'NearlightExperimentStopped',
    severity: 'ticket',
    when: rate('nearlight_experiments_stopped_total', { by: ['node'] }),
    above: 0,
    forAtLeast: '0m',
    summary: 'Faults that were injected on {{ $labels.node }} have ended, because a step was beyond its budget.',
    advice: 'The log of the host and GET /faults at its operator port name the step.',
  },
  {
    name: 'NearlightOutboxOld',
    severity: 'ticket',
    part: 'store',
    when: max('nearlight_outbox_oldest_seconds', { by: ['node'] }),
    above: 3600,
    forAtLeast: '5m',
    summary: '{{ $labels.node }} has an event that has waited for the centre for {{ $value | humanizeDuration }}.',
    advice: 'Look at the line of the node and at the receiver. Nothing is lost: events wait in the store of the node.',
  },
  {
    name: 'NearlightEventsRefused',
    severity: 'ticket',
    part: 'store',
    when: max('nearlight_outbox_refused', { by: ['node'] }),
    above: 0,
    forAtLeast: '0m',
    summary: 'The centre has refused {{ $value }} events of {{ $labels.node }} for good.',
    advice: 'The log of the node names each event and the reason. They stay in the store of the node.',
  },
];
