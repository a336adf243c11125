import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ENDPOINTS } from '../../../host/base/dependencies.ts';
import { Endpoint } from '../../../host/edge/dependencies/endpoint.ts';
import { FILE_BYTES_MAX, parseRules, RuleFile } from '../../../host/edge/dependencies/rule-file.ts';
import { at } from '../../at.ts';
import { ManualClock } from '../../room/fake.ts';

const folder = mkdtempSync(join(tmpdir(), 'nl-endpoint-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a rule has the limits of the file, and the usual ones for waiting', () => {
  expect(parseRules('{}')).toEqual({});
  expect(parseRules('{"join":{"perSecond":5}}')).toEqual({
    join: { perSecond: 5, excess: 'reject', queueMax: 1000, queueMs: 1000 },
  });
  const full = { perSecond: 1, concurrent: 2, responseMs: 3, queueMax: 4, queueMs: 5, excess: 'queue' };
  expect(parseRules(JSON.stringify({ opa: full }))).toEqual({ opa: full });
});

test.each(ENDPOINTS)('there can be a rule for %s', (name) => {
  expect(parseRules(`{"${name}":{"concurrent":1}}`)[name]?.concurrent).toBe(1);
});

test.each([
  ['perSecond', 1_000_000],
  ['concurrent', 100_000],
  ['responseMs', 60_000],
  ['queueMax', 100_000],
  ['queueMs', 60_000],
])('%s is a whole number from 1 to %i', (name, most) => {
  const read = (value: unknown) => parseRules(JSON.stringify({ join: { perSecond: 1, [name]: value } }));
  for (const value of [1, most]) expect(read(value).join).toMatchObject({ [name]: value });
  for (const value of [0, most + 1, 1.5, '1', null])
    expect(() => read(value)).toThrow(`join: ${name} is not a whole number from 1 to ${most}`);
});

test.each([
  ['', 'it is not JSON'],
  ['[]', 'it is not a JSON object'],
  ['null', 'it is not a JSON object'],
  ['{"lobby":{}}', 'there is no endpoint "lobby"; there are join, ticket'],
  ['{"join":5}', 'join: the rule is not an object'],
  ['{"join":{"perSecond":1,"perMinute":2}}', 'join: there is no limit "perMinute"'],
  ['{"join":{"perSecond":1,"toString":2}}', 'join: there is no limit "toString"'],
  ['{"join":{"perSecond":1,"excess":"drop"}}', 'join: excess is neither "reject" nor "queue"'],
  ['{"join":{"queueMax":5}}', 'join: the rule has none of perSecond, concurrent, responseMs'],
])('the file %s is refused', (text, message) => {
  expect(() => parseRules(text)).toThrow(message);
});

function begin(name: string, text: string) {
  const path = join(folder, name);
  writeFileSync(path, text);
  const clock = new ManualClock();
  const endpoints = Object.fromEntries(
    ENDPOINTS.map((each) => [each, new Endpoint({ clock, meter: { queued: 0, rejected: 0 } })]),
  ) as Record<(typeof ENDPOINTS)[number], Endpoint>;
  const lines: string[] = [];
  const open = () => RuleFile.open({ path, endpoints, log: (level, line) => void lines.push(`${level} ${line}`) });
  /** Replaces the file as an editor does, so that no one sees half of it. */
  const write = (next: string) => {
    writeFileSync(`${path}.new`, next);
    renameSync(`${path}.new`, path);
  };
  return { path, endpoints, lines, open, write };
}

test('a file that changes replaces the rules, and one that cannot be used leaves them and says why once', async () => {
  const { endpoints, lines, open, write, path } = begin('a.json', '{"join":{"perSecond":5}}');
  const file = await open();
  expect(endpoints.join.rule?.perSecond).toBe(5);
  await file.check();
  expect(lines).toEqual([]);
  write('{"ticket":{"concurrent":2}}');
  await file.check();
  expect([endpoints.join.rule, endpoints.ticket.rule?.concurrent]).toEqual([undefined, 2]);
  write('{"ticket":');
  for (let n = 0; n < 3; n++) await file.check();
  expect(endpoints.ticket.rule?.concurrent).toBe(2);
  write('{"opa":{"perSecond":9}}');
  await file.check();
  expect([endpoints.ticket.rule, endpoints.opa.rule?.perSecond]).toEqual([undefined, 9]);
  rmSync(path);
  for (let n = 0; n < 3; n++) await file.check();
  expect(endpoints.opa.rule?.perSecond).toBe(9);
  expect(lines).toEqual([
    `info the rules of ENDPOINT_RULES=${path} have changed; they limit ticket`,
    expect.stringMatching(/^error ENDPOINT_RULES=.* cannot be used, and the rules before it go on: it is not JSON/),
    `info the rules of ENDPOINT_RULES=${path} have changed; they limit opa`,
    expect.stringContaining('ENOENT'),
  ]);
  await file.close();
});

test('a file may have 65536 bytes', async () => {
  const text = '{"join":{"perSecond":5}}';
  const fits = begin('fits.json', text.padEnd(FILE_BYTES_MAX));
  await (await fits.open()).close();
  const large = begin('large.json', text.padEnd(FILE_BYTES_MAX + 1));
  await expect(large.open()).rejects.toThrow('it has 65537 bytes; at most 65536 are read');
});

test('a host whose file cannot be used does not start, and says which file and why', async () => {
  const { open } = begin('bad.json', '{"join":{}}');
  await expect(open()).rejects.toMatchObject({
    code: 'NL_SETTING',
    detail: expect.stringMatching(/^ENDPOINT_RULES=.*bad\.json cannot be used: join: the rule has none of/),
  });
  const { path } = begin('gone.json', '');
  rmSync(path);
  await expect(RuleFile.open({ path, endpoints: begin('x.json', '{}').endpoints, log: () => {} })).rejects.toThrow(
    'ENOENT',
  );
});

test('a watched file is looked at by itself', async () => {
  const { endpoints, open, write, lines } = begin('watched.json', '{"join":{"perSecond":5}}');
  const file = await open();
  file.watch();
  write('{"join":{"perSecond":6}}');
  await expect.poll(() => endpoints.join.rule?.perSecond, { timeout: 30_000 }).toBe(6);
  expect(at(lines, 0)).toContain('they limit join');
  await file.close();
});
