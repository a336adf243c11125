import type { Meters } from '../meters.ts';
import { type Add, buckets, plain } from './add.ts';
import type { Figures } from './figures.ts';

export function addTraffic(add: Add, meters: Meters): void {
  const byCode = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([code, value]) => ({ labels: { code }, value }));
  add(
    'nearlight_inputs_coalesced_total',
    'counter',
    'Messages about pointer, sticks and held keys in whose place the game got a newer one.',
    () => plain(meters.inputsCoalesced),
  );
  add('nearlight_inputs_dropped_total', 'counter', 'Presses and messages of players that were dropped, by code.', () =>
    byCode(meters.inputsDropped),
  );
  add(
    'nearlight_pages_dismissed_total',
    'counter',
    'Connections that the host ended for what the page sent, by code.',
    () => byCode(meters.pagesDismissed),
  );
  add('nearlight_connections', 'gauge', 'Places of players and spectators, by tier: hot, warm or cold.', () =>
    Object.entries(meters.tiers).map(([tier, value]) => ({ labels: { tier }, value })),
  );
  add('nearlight_tier_changes_total', 'counter', 'Changes of connections from one tier to another.', () =>
    [...meters.tierChanges].map(([change, value]) => {
      const [from = '', to = ''] = change.split(' ');
      return { labels: { from, to }, value };
    }),
  );
  add(
    'nearlight_tier_change_seconds',
    'histogram',
    "Time of a change: to hot until the first picture is sent, to cold since the page's last packet.",
    (name) => (['hot', 'cold'] as const).flatMap((to) => buckets(name, meters.tierChange[to], { to })),
  );
  add('nearlight_situations_total', 'counter', 'Team fights that began (fight) and ended (calm) in all games.', () =>
    Object.entries(meters.situations).map(([to, value]) => ({ labels: { to }, value })),
  );
}

export function addBus(add: Add, { bus }: Meters, { phases }: Figures): void {
  add('nearlight_bus_messages_total', 'counter', 'Messages that games sent to other rooms, and that they got.', () => [
    { labels: { way: 'sent' }, value: bus.emitted },
    { labels: { way: 'received' }, value: bus.delivered },
  ]);
  add('nearlight_bus_dropped_total', 'counter', 'Messages between rooms that were dropped, by reason.', () =>
    Object.entries(bus.dropped).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  add('nearlight_results_lost_total', 'counter', 'Results of matches that could not be kept.', () =>
    plain(bus.resultsLost),
  );
  add('nearlight_rooms', 'gauge', 'Running games, by the phase of the match that they have set.', () =>
    Object.entries(phases?.() ?? {}).map(([phase, value]) => ({ labels: { phase }, value })),
  );
}
