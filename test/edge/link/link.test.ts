import { expect, onTestFinished, test } from 'vitest';
import { NearlightError } from '../../../host/base/errors.ts';
import { EdgeLink, type EdgeLinkOptions } from '../../../host/edge/link/link.ts';
import type { Report } from '../../../host/edge/link/protocol.ts';
import { ManualClock, settle } from '../../room/fake.ts';

const TERMS = { version: 1, admission: 'token', ticketMsMax: 10_000, accountSeatsMax: 4, rules: {} };
const silent = () => Promise.reject(new NearlightError('NL_EDGE', 'connect ECONNREFUSED'));

/** A service in memory. test/edge/link/server.test.ts has the same link with a real one. */
class Service {
  terms: object = TERMS;
  isDown = false;
  /** Codes with which reports are refused, by the id of their input. */
  refuses = new Map<string, string>();
  readonly calls: { at: number; name: string; body: Record<string, unknown> }[] = [];
  readonly kept: string[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  async call(name: string, body: object): Promise<Record<string, unknown>> {
    this.calls.push({ at: this.#clock.now(), name, body: body as Record<string, unknown> });
    if (this.isDown) return silent();
    if (name === 'attend') return this.terms as Record<string, unknown>;
    if (name !== 'report') return {};
    const { reports } = body as { reports: Report[] };
    const id = ({ input }: Report) => (input as { id: string }).id;
    const refused = reports.flatMap((report, index) => {
      const code = this.refuses.get(id(report));
      if (code === undefined) this.kept.push(id(report));
      return code === undefined ? [] : { index, code };
    });
    return { refused };
  }

  times(name: string): number[] {
    return this.calls.filter((call) => call.name === name).map(({ at }) => at);
  }
}

function setUp(options: Partial<EdgeLinkOptions> = {}) {
  const clock = new ManualClock();
  const service = new Service(clock);
  const lines: string[] = [];
  const client = {
    call: (name: string, body: object) => service.call(name, body),
    putSave: silent,
    getSave: silent,
    removeSave: silent,
    close() {},
  };
  const log = (level: string, message: string) => lines.push(`${level}: ${message}`);
  const link = new EdgeLink({ client, clock, log, queueMax: 100, random: () => 0, ...options });
  onTestFinished(() => link.close());
  return { clock, service, lines, link };
}

test('a host says what it has every five seconds, and at once if an account has taken or left a place', async () => {
  const { clock, service, link } = setUp();
  await link.start();
  expect([link.isUp, link.terms]).toEqual([true, TERMS]);
  await clock.pass(10_000);
  expect(service.times('attend')).toEqual([0, 5000, 10_000]);
  await link.startSession({ id: 's', game: 'arena', startedAt: 0, local: false });
  expect(link.count('ada', 1)).toBe(1);
  await settle();
  expect(service.calls.findLast(({ name }) => name === 'attend')).toMatchObject({
    at: 10_000,
    body: { places: { ada: 1 }, sessions: ['s'] },
  });
  expect(link.count('ada', -1)).toBe(0);
  await settle();
  expect(service.calls.findLast(({ name }) => name === 'attend')?.body.places).toEqual({});
});

test('reports are sent at once, and those of a dead service in their order when it is back, after it has heard what the host has', async () => {
  const { clock, service, lines, link } = setUp();
  await link.start();
  link.report('addResult', { id: 'a' });
  await settle();
  expect([service.kept, link.figures]).toMatchObject([['a'], { sent: 1, waiting: 0, isUp: true }]);
  service.isDown = true;
  for (const id of ['b', 'c']) link.report('addResult', { id });
  await settle();
  expect([link.isUp, link.figures.waiting]).toEqual([false, 2]);
  await clock.pass(60_000);
  const before = service.calls.length;
  service.isDown = false;
  await clock.pass(4000);
  expect(service.kept).toEqual(['a', 'b', 'c']);
  expect(service.calls.slice(before, before + 2).map(({ name }) => name)).toEqual(['attend', 'report']);
  expect(lines.map((line) => line.slice(0, 38))).toEqual([
    'info: the edge service answers',
    'warn: the edge service does not answer',
    'info: the edge service answers',
  ]);
});

test('pauses after failures double up to four seconds, half of them random, and nothing shortens them', async () => {
  const { clock, service, link } = setUp({ random: () => 0.5 });
  service.isDown = true;
  await link.start();
  for (let n = 0; n < 6; n++) {
    link.report('addResult', { id: `r${n}` });
    link.count('ada', 1);
    await clock.pass(1000);
  }
  await clock.pass(6000);
  // 3/4 of 250, 500, 1000, 2000, 4000 and 4000 ms.
  expect(service.times('attend')).toEqual([0, 187.5, 562.5, 1312.5, 2812.5, 5812.5, 8812.5, 11_812.5]);
});

test('while the service does not answer, calls fail at once, and the first failure is noticed by a call', async () => {
  const { service, link } = setUp();
  await link.start();
  service.isDown = true;
  await expect(link.call('identify', {})).rejects.toMatchObject({ code: 'NL_EDGE', reason: 'edge-down' });
  const asked = service.times('identify').length;
  await expect(link.call('identify', {})).rejects.toMatchObject({ reason: 'edge-down' });
  expect([asked, service.times('identify').length]).toEqual([1, 1]);
});

test('a refusal of the service reaches the caller, and does not count as silence', async () => {
  const { link, service } = setUp();
  await link.start();
  service.call = () => Promise.reject(new NearlightError('NL_EDGE_REQUEST', 'client is not a text'));
  await expect(link.call('judge', {})).rejects.toMatchObject({ code: 'NL_EDGE_REQUEST' });
  service.call = () => Promise.reject(new NearlightError('NL_INTERNAL', 'a bug'));
  await expect(link.call('judge', {})).rejects.toMatchObject({ reason: 'edge-down' });
  expect(link.isUp).toBe(true);
});

test('a report that is refused for good is dropped and counted, and one that is refused for now is sent again', async () => {
  const { clock, service, lines, link } = setUp();
  await link.start();
  service.refuses = new Map([
    ['bad', 'NL_STORE_VALUE'],
    ['busy', 'NL_STORE_BUSY'],
  ]);
  for (const id of ['busy', 'bad', 'good']) link.report('addResult', { id });
  await settle();
  expect([service.kept, link.figures]).toMatchObject([['good'], { waiting: 1, dropped: 1, sent: 1, isUp: true }]);
  expect(lines.at(-1)).toBe('warn: the edge service does not keep a report (addResult): NL_STORE_VALUE');
  service.refuses.clear();
  await clock.pass(4000);
  expect([service.kept, link.figures.waiting]).toEqual([['good', 'busy'], 0]);
});

test.each([
  ['another version', { ...TERMS, version: 2 }, 'it speaks version 2, and this host 1'],
  ['another kind of admission', { ...TERMS, admission: 'all' }, 'its terms cannot be read'],
  ['no limit', { ...TERMS, accountSeatsMax: 0 }, 'its terms cannot be read'],
])('a service with %s counts as silent', async (_, terms, why) => {
  const { service, lines, link } = setUp();
  service.terms = terms;
  await link.start();
  expect([link.isUp, link.terms]).toEqual([false, undefined]);
  expect(lines[0]).toContain(why);
});

test('a host that closes sends what waits, and says that it is gone', async () => {
  const { service, link } = setUp();
  await link.start();
  await settle();
  const closing = [link.report('addResult', { id: 'last' }), link.close()];
  await Promise.all(closing);
  expect(service.kept).toEqual(['last']);
  expect(service.calls.at(-1)?.name).toBe('leave');
});

test('a host that closes while the service is dead says what is lost', async () => {
  const { service, lines, link } = setUp();
  service.isDown = true;
  await link.start();
  link.report('addResult', { id: 'lost' });
  await link.close();
  expect(lines.at(-1)).toBe('error: 1 reports to the edge service are lost');
});
