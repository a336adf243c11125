import { SERVER_STATES } from '../../base/lifecycle.ts';
import type { Allocator } from '../allocate/allocator.ts';
import type { Marks } from '../allocate/marks.ts';
import type { FleetState } from '../allocate/server.ts';
import type { Servers } from '../allocate/servers.ts';
import type { Writer } from '../allocate/writer.ts';

export interface FleetFigures {
  allocator: Pick<Allocator, 'decisions' | 'answers' | 'given' | 'refused' | 'waiting'>;
  servers: Pick<Servers, 'all' | 'stateOf' | 'nodes'>;
  writer: Pick<Writer, 'patches' | 'conflicts'>;
  marks: Pick<Marks, 'written'>;
  pods: { readonly lists: number; readonly watches: number };
  nodes: { readonly lists: number; readonly watches: number };
  election: { readonly leads: boolean };
}

/** Writes the fleet's metrics in Prometheus's text format 0.0.4. */
export function fleetMetrics({ allocator, servers, writer, marks, pods, nodes, election }: FleetFigures): string {
  const lines: string[] = [];
  const add = (name: string, type: 'counter' | 'gauge', help: string, values: readonly [string, number][]) => {
    lines.push(`# HELP nearlight_fleet_${name} ${help}`, `# TYPE nearlight_fleet_${name} ${type}`);
    for (const [labels, value] of values) lines.push(`nearlight_fleet_${name}${labels} ${value}`);
  };
  const states = new Map<FleetState, number>([...SERVER_STATES, 'lost' as const].map((state) => [state, 0]));
  for (const server of servers.all()) {
    const state = servers.stateOf(server);
    if (server.report !== undefined) states.set(state, (states.get(state) ?? 0) + 1);
  }
  const lost = servers.nodes.filter(({ isLost }) => isLost).length;
  add('leads', 'gauge', 'Whether this replica leads.', [['', Number(election.leads)]]);
  add(
    'servers',
    'gauge',
    'Game servers by their state.',
    [...states].map(([state, count]) => [`{state="${state}"}`, count]),
  );
  add('nodes', 'gauge', 'Nodes that have reported, by whether they still do.', [
    ['{state="reporting"}', servers.nodes.length - lost],
    ['{state="lost"}', lost],
  ]);
  add('queue', 'gauge', 'Requests for seats that wait.', [['', allocator.waiting]]);
  add('seats_given_total', 'counter', 'Seats that were reserved.', [['', allocator.given]]);
  add('refused_total', 'counter', 'Requests for which there were no seats.', [['', allocator.refused]]);
  add('patches_total', 'counter', 'Patches of pods that were sent.', [['', writer.patches]]);
  add('conflicts_total', 'counter', 'Patches of pods that another change has preceded.', [['', writer.conflicts]]);
  add('marks_total', 'counter', 'Pods that were marked with their state.', [['', marks.written]]);
  add('lists_total', 'counter', 'Lists that were made.', kindsOf('lists', { pods, nodes }));
  add('watches_total', 'counter', 'Watches that were begun.', kindsOf('watches', { pods, nodes }));
  lines.push(
    ...allocator.decisions.lines(
      'nearlight_fleet_decision_seconds',
      'Time in which a server is chosen, without the writing of the reservation.',
    ),
    ...allocator.answers.lines(
      'nearlight_fleet_allocation_seconds',
      'Time from a request to its answer, if that has seats.',
    ),
  );
  return `${lines.join('\n')}\n`;
}

function kindsOf(
  name: 'lists' | 'watches',
  kinds: Readonly<Record<string, { readonly lists: number; readonly watches: number }>>,
): [string, number][] {
  return Object.entries(kinds).map(([kind, counts]) => [`{kind="${kind}"}`, counts[name]]);
}
