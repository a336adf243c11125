/** A node whose line is cut for a day, and whose power fails in the middle of it: simulated time, real store, HTTP and tokens. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig, settings } from '../../host/base/config.ts';
import { openGate } from '../../host/edge/admission/gate.ts';
import { Meters } from '../../host/observe/meters.ts';
import { keysIn, ticketsIn } from '../../host/play/admission.ts';
import { openEdge } from '../../host/play/edge.ts';
import { Issuer } from '../edge/issuer.ts';
import { startCentre } from '../edge/outbox/centre.ts';
import { openTestStore, temporaryFolder } from '../edge/store/stores.ts';
import { ManualClock } from '../room/fake.ts';
import { eventually } from '../wait.ts';

const HOUR_MS = 3_600_000;
const CUT_HOURS = 24;
const MATCHES_PER_HOUR = 6;
/** When the simulation begins, in milliseconds since 1970. */
const BEGIN = Date.UTC(2026, 0, 31, 18);

let issuer: Issuer;
beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());

/** Starts a node's store, sender and gate, `hours` after the beginning. A process knows only its own clock and the time of day. */
async function startNode({ folder, sink, hours }: { folder: string; sink: string; hours: number }) {
  const clock = new ManualClock();
  const now = () => BEGIN + hours * HOUR_MS + clock.now();
  const config = readConfig({
    STORE_DIR: folder,
    SINK_URL: sink,
    ADMISSION: 'token',
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'games',
  });
  const lines: string[] = [];
  const log = (_: string, line: string) => void lines.push(line);
  const meters = new Meters();
  const edge = must(await openEdge({ config, log, meters, clock, now }), 'store');
  const gate = await openGate({
    config,
    log,
    meters,
    game: () => ({ id: 'arena', isRunning: true, players: 0, seats: 10 }),
    tickets: ticketsIn(edge.store, now),
    keys: keysIn(edge.store, now),
    clock,
    now,
  });
  onTestFinished(() => gate.close());
  onTestFinished(() => edge.close());

  const tickets = must(gate.tickets, 'tickets');
  /** Takes a new player through the whole pipeline, up to the use of the ticket, which is returned. */
  const admit = async (name: string) => {
    const iat = Math.floor(now() / 1000);
    const pass = await gate.identify(await issuer.token({ sub: name, iat, exp: iat + 300 }));
    const room = await gate.judge(pass, { kind: 'play', client: '192.0.2.1' });
    const { text } = await tickets.issue(tickets.createId(), pass, { room, seat: 1 });
    expect(await tickets.redeem(text)).toMatchObject({ room: 'arena', seat: 1, pass: { account: { id: name } } });
    return text;
  };
  /** Plays for an hour: a player comes, and matches end. */
  const playAnHour = async (hour: number) => {
    const ticket = await admit(`player-${hour}`);
    for (let match = 0; match < MATCHES_PER_HOUR; match++) {
      const bytes = new TextEncoder().encode(`${hour}:${match}`);
      edge.record({ id: `${hour}-${match}`, game: 'arena', origin: BigInt(hour), tick: match, bytes });
      await clock.pass(HOUR_MS / MATCHES_PER_HOUR);
    }
    return ticket;
  };
  return { edge, tickets, clock, lines, admit, playAnHour };
}

test('with the line cut for a day, players come, also after a power cut, and every result arrives afterwards, once and in order', async () => {
  const { store: centre } = await openTestStore();
  const { url: sink, state: line } = await startCentre(centre);
  const cut = (isCut: boolean) => {
    line.isCut = isCut;
    issuer.instead = isCut ? { status: 502, text: 'the line is cut' } : undefined;
  };
  onTestFinished(() => cut(false));
  const before = temporaryFolder();
  const first = await startNode({ folder: before, sink, hours: 0 });
  await first.playAnHour(0);
  await eventually(async () => {
    await first.clock.pass(1000);
    expect(await centre.readInbox({ after: 0, limit: 100 })).toHaveLength(MATCHES_PER_HOUR);
  });
  cut(true);
  const half = CUT_HOURS / 2;
  let ticket = '';
  for (let hour = 1; hour <= half; hour++) ticket = await first.playAnHour(hour);
  // Whatever the node has acknowledged is on the disk. A power cut leaves the files as they are at that moment.
  await eventually(async () =>
    expect(await first.edge.store.countOutbox({})).toMatchObject({ waiting: half * MATCHES_PER_HOUR }),
  );
  const after = join(temporaryFolder(), 'store');
  cpSync(before, after, { recursive: true, filter: (path) => !path.endsWith('-shm') });

  const second = await startNode({ folder: after, sink, hours: half + 1 });
  await expect(second.tickets.redeem(ticket)).rejects.toMatchObject({ code: 'NL_TICKET' });
  for (let hour = half + 1; hour <= CUT_HOURS; hour++) await second.playAnHour(hour);
  // A player comes in the last moment of the day, too.
  await second.admit('last');
  expect(second.lines.filter((text) => text.includes('event sink cannot be reached'))).toHaveLength(1);
  await second.edge.tend();
  expect(second.edge.figures()).toMatchObject({ waiting: CUT_HOURS * MATCHES_PER_HOUR, sent: 0 });
  expect(second.edge.figures().outageSeconds).toBeGreaterThan((half / 2) * 3600);
  expect(second.edge.problem()).toBeUndefined();

  cut(false);
  const expected = Array.from({ length: CUT_HOURS + 1 }, (_, hour) =>
    Array.from({ length: MATCHES_PER_HOUR }, (_, match) => `${hour}-${match}`),
  ).flat();
  const arrived = await eventually(async () => {
    await second.clock.pass(1000);
    const events = await centre.readInbox({ after: 0, limit: 1000 });
    expect(events.length).toBeGreaterThanOrEqual(expected.length);
    return events.map(({ id }) => id);
  });
  expect(arrived).toEqual(expected);
  await second.edge.tend();
  expect(second.edge.figures()).toMatchObject({ waiting: 0, refused: 0 });
});

test('the usual life of keys is a day offline and as long again without players before it', () => {
  expect(settings.keysSecondsMax.default).toBeGreaterThanOrEqual(CUT_HOURS * 3600 + settings.keysRefreshSeconds.max);
});

test.each([
  ['a second before their life ends', -1, undefined],
  ['a second after it', 1, 'NL_ISSUER'],
])('without the issuer, keys from the store let players in %s', async (_, seconds, code) => {
  onTestFinished(() => {
    issuer.instead = undefined;
  });
  const folder = temporaryFolder();
  const { store: centre } = await openTestStore();
  const { url: sink, state } = await startCentre(centre);
  state.isCut = true;
  const first = await startNode({ folder, sink, hours: 0 });
  await first.admit('ada');
  await first.edge.close();
  issuer.instead = { status: 502, text: 'the line is cut' };
  const second = await startNode({ folder, sink, hours: (settings.keysSecondsMax.default + seconds) / 3600 });
  const joined = second.admit('eve');
  if (code) await expect(joined).rejects.toMatchObject({ code });
  else await joined;
});
