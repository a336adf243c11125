import { afterEach, expect, test, vi } from 'vitest';
import { createLog } from '../../host/base/log.ts';
import { NO_SPAN, readTraceparent, type Span, writeTraceparent } from '../../host/base/trace.ts';
import { inSpan } from '../../host/base/trace-context.ts';

const IDS = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const VALID = `00-${IDS.traceId}-${IDS.spanId}-01`;

afterEach(() => void vi.restoreAllMocks());

test.each([
  ['the example of the recommendation', VALID],
  ['another flag', VALID.replace(/01$/, '00')],
  ['a later version', VALID.replace(/^00/, 'cc')],
  ['a later version with another field', `${VALID.replace(/^00/, 'cc')}-what-is-this`],
  ['a later version of 512 characters', `${VALID.replace(/^00/, 'cc')}-`.padEnd(512, 'x')],
])('traceparent: %s is read', (_, text) => {
  expect(readTraceparent(text)).toEqual(IDS);
});

test.each([
  ['nothing', undefined],
  ['several headers', [VALID, VALID]],
  ['an empty text', ''],
  ['the version ff', VALID.replace(/^00/, 'ff')],
  ['version 00 with another field', `${VALID}-x`],
  ['a later version with a longer flag', `${VALID.replace(/^00/, 'cc')}x`],
  ['capital letters', VALID.toUpperCase()],
  ['a trace id of zeros', VALID.replace(IDS.traceId, '0'.repeat(32))],
  ['a span id of zeros', VALID.replace(IDS.spanId, '0'.repeat(16))],
  ['a trace id that is too short', VALID.replace('4bf9', '4bf')],
  ['a later version of 513 characters', `${VALID.replace(/^00/, 'cc')}-`.padEnd(513, 'x')],
])('traceparent: %s is not', (_, text) => {
  expect(readTraceparent(text)).toBeUndefined();
});

test('traceparent: what is written can be read', () => {
  expect(writeTraceparent(IDS)).toBe(VALID);
});

test('a line of the log that is written in a span has its ids, unless the caller names others', () => {
  const lines: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  const log = createLog('info', 'json');
  const span: Span = { ...NO_SPAN, ids: IDS };
  inSpan(span, () => {
    log('info', 'inside', { room: 'arena' });
    log('info', 'named', { traceId: 'a', spanId: 'b' });
  });
  log('info', 'outside');
  const ids = lines.map((line) => JSON.parse(line)).map(({ room, trace_id, span_id }) => [room, trace_id, span_id]);
  expect(ids).toEqual([
    ['arena', IDS.traceId, IDS.spanId],
    [undefined, 'a', 'b'],
    [undefined, undefined, undefined],
  ]);
});
