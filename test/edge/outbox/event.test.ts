import { expect, test } from 'vitest';
import { BATCH_TYPE, EVENT_TYPE, formatBatch, formatEvent, parseEvents } from '../../../host/edge/outbox/event.ts';
import { ID_BYTES_MAX, JSON_BYTES_MAX, ROWS_MAX, TIME_MAX } from '../../../host/edge/store/bounds.ts';

const event = {
  sequence: 1,
  id: 'e1',
  source: 'urn:nearlight:node:0',
  type: 'nearlight.match.result',
  subject: 'match "1"',
  time: 1_700_000_000_123,
  data: '{"score":[1,2]}',
};
const json = {
  specversion: '1.0',
  id: 'e1',
  source: 'urn:nearlight:node:0',
  type: 'nearlight.match.result',
  subject: 'match "1"',
  time: '2023-11-14T22:13:20.123Z',
  datacontenttype: 'application/json',
  data: { score: [1, 2] },
};
const { sequence: _, ...received } = event;
const parse = (value: unknown, type: string = EVENT_TYPE) => parseEvents(type, JSON.stringify(value));

test('an event is written as CloudEvents 1.0 in JSON', () => {
  expect(JSON.parse(formatEvent(event))).toEqual(json);
  expect(JSON.parse(formatBatch([event, { ...event, id: 'e2' }]))).toEqual([json, { ...json, id: 'e2' }]);
});

test('an event is read as it was written, alone and in a batch', () => {
  expect(parseEvents(EVENT_TYPE, formatEvent(event))).toEqual([received]);
  expect(parseEvents(`${BATCH_TYPE}; charset=utf-8`, formatBatch([event]))).toEqual([received]);
  expect(parse([], BATCH_TYPE)).toEqual([]);
});

test.each([
  ['the longest id', { ...json, id: 'x'.repeat(ID_BYTES_MAX) }],
  ['the largest data', { ...json, data: 'x'.repeat(JSON_BYTES_MAX - 2) }],
  ['no data', { ...json, data: undefined }],
  ['the last time', { ...json, time: new Date(TIME_MAX).toISOString() }],
  ['the first time', { ...json, time: '1970-01-01T00:00:00Z' }],
  ['a time with an offset', { ...json, time: '2023-11-14T22:13:20+01:00' }],
  ['an attribute that is not known here', { ...json, traceparent: '00-0-0-01' }],
])('an event with %s is read', (_what, value) => {
  expect(parse(value)).toHaveLength(1);
});

test.each([
  ['an id that is too long', { ...json, id: 'x'.repeat(ID_BYTES_MAX + 1) }, 'id must be a text of 1 to 256 bytes'],
  ['an empty source', { ...json, source: '' }, 'source must be a text'],
  ['no subject', { ...json, subject: undefined }, 'subject must be a text'],
  ['a type that is not a text', { ...json, type: 1 }, 'type must be a text'],
  ['data that is too large', { ...json, data: 'x'.repeat(JSON_BYTES_MAX - 1) }, 'data has more than 262144 bytes'],
  ['binary data', { ...json, data_base64: 'AA==' }, 'datacontenttype must be application/json'],
  ['another kind of data', { ...json, datacontenttype: 'text/plain' }, 'datacontenttype must be application/json'],
  ['another version', { ...json, specversion: '0.3' }, 'specversion must be 1.0'],
  ['a time that is not one', { ...json, time: '2023-13-14T22:13:20Z' }, 'time must be a timestamp'],
  ['a time without a zone', { ...json, time: '2023-11-14T22:13:20' }, 'time must be a timestamp'],
  ['a time before the first', { ...json, time: '1969-12-31T23:59:59Z' }, 'time must be a timestamp'],
  ['no time', { ...json, time: undefined }, 'time must be a timestamp'],
  ['a list in place of the event', [json], 'an event is an object'],
  ['nothing', null, 'an event is an object'],
])('an event with %s is refused', (_what, value, reason) => {
  expect(() => parse(value)).toThrow(`NL_EVENT: The events cannot be read: ${reason}`);
});

test('a batch has a largest number of events', () => {
  const batch = (count: number) => Array.from({ length: count }, () => json);
  expect(parse(batch(ROWS_MAX), BATCH_TYPE)).toHaveLength(ROWS_MAX);
  expect(() => parse(batch(ROWS_MAX + 1), BATCH_TYPE)).toThrow('a batch is a list of at most 1000 events');
  expect(() => parse(json, BATCH_TYPE)).toThrow('a batch is a list of at most 1000 events');
});

test.each([undefined, '', 'application/json', 'text/plain'])('the content type %s is refused', (type) => {
  expect(() => parseEvents(type, JSON.stringify(json))).toThrow('NL_EVENT_TYPE');
});

test('a body that is not JSON is refused', () => {
  expect(() => parseEvents(EVENT_TYPE, '{')).toThrow('NL_EVENT: The events cannot be read: the body is not JSON');
});
