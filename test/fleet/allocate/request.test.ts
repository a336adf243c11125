import { expect, test } from 'vitest';
import { LABELS_MAX, LATENCIES_MAX, PLAYERS_MAX, readRequest } from '../../../host/fleet/allocate/request.ts';

const PLAYER = { id: 'ada' };
const LATENCY = { region: 'west', ms: 20 };
const BODY = { game: 'arena', players: [PLAYER] };

/** Reads a request that differs in some fields from one that is right. */
function read(fields: object): ReturnType<typeof readRequest> {
  return readRequest({ ...BODY, ...fields });
}

test('a request has defaults for all but the game and the players', () => {
  expect(read({})).toEqual({
    id: undefined,
    game: 'arena',
    players: [{ id: 'ada', role: 'player', latencies: [] }],
    constraints: { version: undefined, labels: {} },
    waits: false,
    queue: undefined,
  });
});

test('times measured for the whole request hold for players without their own', () => {
  const own = { ...LATENCY, ageSeconds: 5 };
  const { players } = read({ latencies: [LATENCY], players: [PLAYER, { id: 'bob', latencies: [own] }] });
  expect(players.map(({ latencies }) => latencies)).toEqual([[{ ...LATENCY, ageSeconds: 0 }], [own]]);
});

const many = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);
const labels = (count: number) => Object.fromEntries(many(count, '').map((_, index) => [`l${index}`, 'x']));

/** Each bound with a value on either side of it. */
const BOUNDS: readonly [what: string, inside: object, outside: object][] = [
  ['id', { id: 'a'.repeat(64) }, { id: 'a'.repeat(65) }],
  ['id with letters', { id: 'A_b-9' }, { id: 'a.b' }],
  ['game', { game: 'g'.repeat(128) }, { game: 'g'.repeat(129) }],
  ['no game', { game: 'g' }, { game: '' }],
  ['players', { players: many(PLAYERS_MAX, PLAYER) }, { players: many(PLAYERS_MAX + 1, PLAYER) }],
  ['no players', { players: [{}] }, { players: [] }],
  ['player id', { players: [{ id: 'i'.repeat(255) }] }, { players: [{ id: 'i'.repeat(256) }] }],
  ['role', { players: [{ role: 'r'.repeat(64) }] }, { players: [{ role: 'r'.repeat(65) }] }],
  ['latencies', { latencies: many(LATENCIES_MAX, LATENCY) }, { latencies: many(LATENCIES_MAX + 1, LATENCY) }],
  ['ms', { latencies: [{ ...LATENCY, ms: 60_000 }] }, { latencies: [{ ...LATENCY, ms: 60_001 }] }],
  ['ms below', { latencies: [{ ...LATENCY, ms: 0 }] }, { latencies: [{ ...LATENCY, ms: -1 }] }],
  [
    'age',
    { latencies: [{ ...LATENCY, ageSeconds: 2_592_000 }] },
    { latencies: [{ ...LATENCY, ageSeconds: 2_592_001 }] },
  ],
  [
    'region',
    { latencies: [{ ...LATENCY, region: 'a'.repeat(63) }] },
    { latencies: [{ ...LATENCY, region: 'a'.repeat(64) }] },
  ],
  ['wait', { wait: true }, { wait: 1 }],
  ['queue', { queue: 'q'.repeat(1024) }, { queue: 'q'.repeat(1025) }],
  ['version', { constraints: { version: 'v'.repeat(63) } }, { constraints: { version: 'v'.repeat(64) } }],
  ['labels', { constraints: { labels: labels(LABELS_MAX) } }, { constraints: { labels: labels(LABELS_MAX + 1) } }],
  ['label', { constraints: { labels: { 'a.b/c': '' } } }, { constraints: { labels: { 'a b': '' } } }],
  ['label value', { constraints: { labels: { a: 'x.y' } } }, { constraints: { labels: { a: ' ' } } }],
];

test.each(BOUNDS)('%s: both sides of the bound', (_, inside, outside) => {
  expect(read(inside)).toMatchObject({});
  expect(() => read(outside)).toThrow('NL_FLEET_REQUEST');
});

test.each([
  { players: 'all' },
  { players: [7] },
  { constraints: [] },
  { constraints: { labels: 7 } },
  { latencies: {} },
  { game: 7 },
])('values of another type are refused: %j', (fields) => {
  expect(() => read(fields)).toThrow('NL_FLEET_REQUEST');
});
