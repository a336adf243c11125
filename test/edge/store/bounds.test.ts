import { expect, test } from 'vitest';
import {
  ID_BYTES_MAX,
  JSON_BYTES_MAX,
  ROWS_MAX,
  SAVE_BYTES_MAX,
  TIME_MAX,
  VALUE_BYTES_MAX,
} from '../../../host/edge/store/bounds.ts';
import { type OperationName, operationNamed } from '../../../host/edge/store/operations.ts';
import { CALL_BYTES_MAX, CALLS_MAX } from '../../../host/edge/store/store.ts';
import { eventOf } from './events.ts';
import { openTestStore } from './stores.ts';

const longest = 'x'.repeat(ID_BYTES_MAX);
const largestJson = JSON.stringify('x'.repeat(JSON_BYTES_MAX - 2));
const player = { id: 'p', name: 'n', seenAt: 0, local: false, data: '{}' };
const save = { id: 's', game: 'g', savedAt: 0, state: new Uint8Array() };
const cached = { name: 'n', kind: 'key', value: new Uint8Array(), storedAt: 0, expiresAt: 0 };
const saga = { id: 'i', kind: 'k', state: 'preparing', version: 0, trace: 't', data: '{}', updatedAt: 0 };
const received = { source: 's', id: 'i', type: 't', subject: 's', time: 0, data: '{}' };
const many = (count: number) => Array.from({ length: count }, (_, n) => n);

test.each<[OperationName, string, object]>([
  ['putPlayer', 'the longest id', { ...player, id: longest }],
  ['putPlayer', 'the largest data', { ...player, data: largestJson }],
  ['putPlayer', 'the first and the last time', { ...player, seenAt: TIME_MAX }],
  ['putSave', 'the largest state', { ...save, state: new Uint8Array(SAVE_BYTES_MAX) }],
  ['putCached', 'the largest value', { ...cached, value: new Uint8Array(VALUE_BYTES_MAX) }],
  ['readEvents', 'the largest number of rows', { limit: ROWS_MAX }],
  ['removeEvents', 'the longest list', { sequences: many(ROWS_MAX) }],
  ['countPlayers', 'many players', { id: 's', players: 2 ** 32 }],
  ['refuseEvent', 'the longest reason', { sequence: 1, reason: 'x'.repeat(1024) }],
])('%s takes %s', (name, _what, input) => {
  expect(operationNamed(name).check(input)).toBeGreaterThan(0);
});

test.each<[OperationName, string, object, string]>([
  ['putPlayer', 'an id that is too long', { ...player, id: `${longest}x` }, 'id has 257 bytes; at most 256 fit'],
  ['putPlayer', 'an id of too many bytes', { ...player, id: `${longest.slice(1)}é` }, 'id has 257 bytes'],
  ['putPlayer', 'an empty id', { ...player, id: '' }, 'id is not a text, or is empty'],
  ['putPlayer', 'data that is too large', { ...player, data: `${largestJson} ` }, 'data has 262145 bytes'],
  ['putPlayer', 'data that is not JSON', { ...player, data: '{' }, 'data is not JSON'],
  ['putPlayer', 'data that is not a text', { ...player, data: {} }, 'data is not a text'],
  ['putPlayer', 'a time after the last', { ...player, seenAt: TIME_MAX + 1 }, 'seenAt is not a whole number from 0 to'],
  ['putPlayer', 'a time before the first', { ...player, seenAt: -1 }, 'seenAt is not a whole number'],
  ['putPlayer', 'half a millisecond', { ...player, seenAt: 0.5 }, 'seenAt is not a whole number'],
  ['putPlayer', 'a mark that is not a mark', { ...player, local: 1 }, 'local is neither true nor false'],
  [
    'putSave',
    'a state that is too large',
    { ...save, state: new Uint8Array(SAVE_BYTES_MAX + 1) },
    'state has 16777217',
  ],
  ['putSave', 'a state of another type', { ...save, state: 'x' }, 'state is not a Uint8Array'],
  ['putCached', 'a value that is too large', { ...cached, value: new Uint8Array(VALUE_BYTES_MAX + 1) }, 'value has'],
  ['putCached', 'an unknown kind', { ...cached, kind: 'cat' }, 'kind is none of key, policy, decision'],
  ['readEvents', 'too many rows', { limit: ROWS_MAX + 1 }, 'limit is not a whole number from 1 to 1000'],
  ['readEvents', 'no rows', { limit: 0 }, 'limit is not a whole number from 1 to 1000'],
  ['removeEvents', 'a list that is too long', { sequences: many(ROWS_MAX + 1) }, 'sequences is not a list of at most'],
  ['removeEvents', 'a list of other things', { sequences: [1, 'x'] }, 'sequences[1] is not a whole number'],
  [
    'acceptEvents',
    'an event without an id',
    { events: [received, { ...received, id: '' }], receivedAt: 0 },
    'id is not',
  ],
  ['acceptEvents', 'an event that is not an object', { events: [null], receivedAt: 0 }, 'events[0] is not an object'],
  ['putSaga', 'an unknown state', { ...saga, state: 'done' }, 'state is none of preparing'],
  ['refuseEvent', 'a reason that is too long', { sequence: 1, reason: 'x'.repeat(1025) }, 'reason has 1025 bytes'],
])('%s refuses %s', (name, _what, input, message) => {
  expect(() => operationNamed(name).check(input)).toThrow(`NL_STORE_VALUE: A value does not fit into the edge store: `);
  expect(() => operationNamed(name).check(input)).toThrow(message);
});

test('a call with a value out of its bounds rejects and changes nothing', async () => {
  const { store } = await openTestStore();
  await expect(store.addEvent(eventOf(''))).rejects.toMatchObject({ code: 'NL_STORE_VALUE' });
  expect(await store.countOutbox({})).toMatchObject({ waiting: 0 });
});

test('calls beyond the number that may wait are refused, and the others succeed', async () => {
  const { store } = await openTestStore();
  const calls = many(CALLS_MAX).map((n) => store.getPlayer({ id: `${n}` }));
  await expect(store.getPlayer({ id: 'one too many' })).rejects.toMatchObject({ code: 'NL_STORE_BUSY' });
  await Promise.all(calls);
  expect(await store.getPlayer({ id: 'again' })).toBeUndefined();
});

test('calls beyond the bytes that may wait are refused, and the others succeed', async () => {
  const { store } = await openTestStore({ bytesMax: 2 * CALL_BYTES_MAX });
  const state = new Uint8Array(SAVE_BYTES_MAX);
  const put = (id: string) => store.putSave({ id, game: 'g', savedAt: 0, state });
  // Three states fit, and the fourth one does not because of its other fields.
  const calls = ['a', 'b', 'c'].map(put);
  await expect(put('d')).rejects.toMatchObject({ code: 'NL_STORE_BUSY' });
  await Promise.all(calls);
  await put('d');
});
