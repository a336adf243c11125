import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  ACCOUNTS_MAX,
  BEARER_LENGTH_MAX,
  CLIENT_LENGTH_MAX,
  PLACES_MAX,
  parseBody,
  REPORT_CALLS,
  REPORTS_MAX,
  readBearerOf,
  readJudgeRequest,
  readPresence,
  readReports,
  readSaveId,
  readSaveQuery,
  readTerms,
  readTicketRequest,
  readTicketText,
  SAVES,
  SEATS_MAX,
  SESSIONS_MAX,
  VERSION,
} from '../../../host/edge/link/protocol.ts';
import { reportFor } from '../../base/server-report.ts';

const HOST = randomUUID();
const ACCOUNT = { id: 'ada', role: 'player' };
const GAME = { id: 'arena', isRunning: true, players: 3, seats: 10, phase: 'active' };
const JUDGE = { account: ACCOUNT, kind: 'play', client: '192.0.2.1', game: GAME };
const TICKET = { id: 't', account: ACCOUNT, room: 'arena', seat: 3 };
const REPORT = { call: 'addResult', input: {} };
const places = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, 1]));
const list = <T>(count: number, entry: T) => Array.from({ length: count }, () => entry);

/** Each row: what is read, a body that is just within the bound, and one that is just beyond it. */
test.each<[string, (body: never) => unknown, object, object]>([
  ['a host', readPresence, { host: HOST, places: {}, sessions: [] }, { host: 'x', places: {}, sessions: [] }],
  [
    'the number of accounts',
    readPresence,
    { host: HOST, places: places(ACCOUNTS_MAX), sessions: [] },
    { host: HOST, places: places(ACCOUNTS_MAX + 1), sessions: [] },
  ],
  [
    'the places of an account',
    readPresence,
    { host: HOST, places: { ada: PLACES_MAX }, sessions: [] },
    { host: HOST, places: { ada: PLACES_MAX + 1 }, sessions: [] },
  ],
  [
    'no place',
    readPresence,
    { host: HOST, places: { ada: 1 }, sessions: [] },
    { host: HOST, places: { ada: 0 }, sessions: [] },
  ],
  [
    'the name of an account',
    readPresence,
    { host: HOST, places: { ['a'.repeat(255)]: 1 }, sessions: [] },
    { host: HOST, places: { ['a'.repeat(256)]: 1 }, sessions: [] },
  ],
  [
    'a game server',
    readPresence,
    { host: HOST, places: {}, sessions: [], server: reportFor('u1') },
    { host: HOST, places: {}, sessions: [], server: { ...reportFor('u1'), state: 'lost' } },
  ],
  [
    'the number of sessions',
    readPresence,
    { host: HOST, places: {}, sessions: list(SESSIONS_MAX, 's') },
    { host: HOST, places: {}, sessions: list(SESSIONS_MAX + 1, 's') },
  ],
  [
    'an id of a session',
    readPresence,
    { host: HOST, places: {}, sessions: ['s'] },
    { host: HOST, places: {}, sessions: [''] },
  ],
  ['a token', readBearerOf, { bearer: 'x'.repeat(BEARER_LENGTH_MAX) }, { bearer: 'x'.repeat(BEARER_LENGTH_MAX + 1) }],
  ['a ticket', readTicketText, { text: 'x'.repeat(BEARER_LENGTH_MAX) }, { text: 'x'.repeat(BEARER_LENGTH_MAX + 1) }],
  ['a kind of join', readJudgeRequest, { ...JUDGE, kind: 'return' }, { ...JUDGE, kind: 'leave' }],
  [
    'an address',
    readJudgeRequest,
    { ...JUDGE, client: 'x'.repeat(CLIENT_LENGTH_MAX) },
    { ...JUDGE, client: 'x'.repeat(CLIENT_LENGTH_MAX + 1) },
  ],
  [
    'a role',
    readJudgeRequest,
    { ...JUDGE, account: { id: '', role: 'r'.repeat(64) } },
    { ...JUDGE, account: { id: '', role: 'r'.repeat(65) } },
  ],
  [
    'the name of a game',
    readJudgeRequest,
    { ...JUDGE, game: { ...GAME, id: 'g'.repeat(256) } },
    { ...JUDGE, game: { ...GAME, id: 'g'.repeat(257) } },
  ],
  [
    'the seats of a game',
    readJudgeRequest,
    { ...JUDGE, game: { ...GAME, seats: SEATS_MAX } },
    { ...JUDGE, game: { ...GAME, seats: SEATS_MAX + 1 } },
  ],
  [
    'its players',
    readJudgeRequest,
    { ...JUDGE, game: { ...GAME, players: 0 } },
    { ...JUDGE, game: { ...GAME, players: -1 } },
  ],
  [
    'its phase',
    readJudgeRequest,
    { ...JUDGE, game: { ...GAME, phase: undefined } },
    { ...JUDGE, game: { ...GAME, phase: 'over' } },
  ],
  ['whether it runs', readJudgeRequest, JUDGE, { ...JUDGE, game: { ...GAME, isRunning: 1 } }],
  ['a seat', readTicketRequest, { ...TICKET, seat: SEATS_MAX }, { ...TICKET, seat: 1.5 }],
  ['the name of a ticket', readTicketRequest, { ...TICKET, id: 'i'.repeat(256) }, { ...TICKET, id: 'i'.repeat(257) }],
  [
    'the number of reports',
    readReports,
    { reports: list(REPORTS_MAX, REPORT) },
    { reports: list(REPORTS_MAX + 1, REPORT) },
  ],
  ['the call of a report', readReports, { reports: [REPORT] }, { reports: [{ ...REPORT, call: 'expire' }] }],
  ['the input of a report', readReports, { reports: [REPORT] }, { reports: [{ ...REPORT, input: [] }] }],
])('%s is checked against its bound', (_, read, within, beyond) => {
  expect(() => read(within as never)).not.toThrow();
  expect(() => read(beyond as never)).toThrow('NL_EDGE_REQUEST');
});

test('what is read is what was written', () => {
  expect(readPresence({ host: HOST, places: { ada: 2 }, sessions: ['s'] })).toEqual({
    host: HOST,
    places: new Map([['ada', 2]]),
    sessions: ['s'],
  });
  expect(readJudgeRequest({ ...JUDGE, more: 1 })).toEqual(JUDGE);
  expect(readTicketRequest({ ...TICKET, seat: undefined })).toEqual({ ...TICKET, seat: undefined });
  expect([readBearerOf({}), readBearerOf({ bearer: '' })]).toEqual([undefined, '']);
  for (const call of REPORT_CALLS) expect(readReports({ reports: [{ call, input: {} }] })).toHaveLength(1);
});

test('the terms of a service are read with the rules for requests of pages, and no others', () => {
  const terms = { version: VERSION, admission: 'token', ticketMsMax: 1, accountSeatsMax: 1 };
  expect(readTerms(terms)).toEqual({ ...terms, rules: {} });
  const rule = { perSecond: 5, excess: 'reject', queueMax: 1, queueMs: 1 };
  expect(readTerms({ ...terms, rules: { join: rule, opa: rule } }).rules).toEqual({ join: rule });
  for (const lie of [
    { version: VERSION + 1 },
    { admission: 'maybe' },
    { ticketMsMax: 0 },
    { accountSeatsMax: 1.5 },
    { rules: [] },
    { rules: { join: { perSecond: 0 } } },
    { rules: { leave: rule } },
  ])
    expect(() => readTerms({ ...terms, ...lie }), JSON.stringify(lie)).toThrow('NL_EDGE');
});

test('a body is an object in JSON', () => {
  expect(parseBody('{"a":1}')).toEqual({ a: 1 });
  for (const text of ['', '[]', '7', 'null', '{']) expect(() => parseBody(text)).toThrow('NL_EDGE_REQUEST');
});

test('the path and the query of a saved state are checked too', () => {
  expect(readSaveId(`${SAVES}a%2Fb`)).toBe('a/b');
  for (const id of ['', '%', 'i'.repeat(257)]) expect(() => readSaveId(SAVES + id)).toThrow('NL_EDGE_REQUEST');
  expect(readSaveQuery(new URLSearchParams('game=g&savedAt=7'))).toEqual({ game: 'g', savedAt: 7 });
  for (const query of ['game=g', 'savedAt=7', 'game=g&savedAt=-1', 'game=g&savedAt=x', 'game=&savedAt=7'])
    expect(() => readSaveQuery(new URLSearchParams(query))).toThrow('NL_EDGE_REQUEST');
});
