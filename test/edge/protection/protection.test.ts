import { beforeEach, describe, expect, test } from 'vitest';
import { BusCounts } from '../../../host/base/bus.ts';
import { readConfig } from '../../../host/base/config.ts';
import type { About } from '../../../host/base/log.ts';
import { ANYONE } from '../../../host/base/pass.ts';
import { FINGERPRINTS, ProtectionCounts } from '../../../host/base/protection.ts';
import { milli } from '../../../host/base/time.ts';
import { ProcessBus } from '../../../host/edge/bus/process.ts';
import { countedBus, countedLink } from '../../../host/edge/protection/bus.ts';
import { type ClosableGate, limitedGate } from '../../../host/edge/protection/gate.ts';
import { Limit } from '../../../host/edge/protection/limit.ts';
import { Protection } from '../../../host/edge/protection/protection.ts';

let now: number;
let counts: ProtectionCounts;
let lines: { line: string; about: About | undefined }[];
let protection: Protection;

beforeEach(() => {
  now = 0;
  counts = new ProtectionCounts();
  lines = [];
  protection = new Protection({
    config: readConfig({
      BURST_JOINS_PER_SECOND: '20',
      BURST_MOVES_PER_SECOND: '20',
      BURST_CHAT_PER_SECOND: '20',
      BURST_RESULTS_PER_SECOND: '20',
    }),
    clock: { now: () => milli(now) },
    log: (level, line, about) => lines.push({ line: `${level} ${line}`, about }),
    counts,
  });
});

/** Lets events come at a rate for some time. */
function press(fingerprint: (typeof FINGERPRINTS)[number], perSecond: number, ms: number): void {
  for (let step = 0; step < ms / 100; step++) {
    for (let n = 0; n < perSecond / 10; n++) protection.count(fingerprint);
    now += 100;
  }
  protection.tend();
}

describe('pressure that follows a pattern', () => {
  test.each(FINGERPRINTS)('%s: the mode begins and ends with one trace, and says so', (fingerprint) => {
    const changes: boolean[] = [];
    protection.onChange(fingerprint, (isHigh) => changes.push(isHigh));
    press(fingerprint, 10, 3000);
    expect([protection.isHigh(fingerprint), lines, counts.recognised[fingerprint]]).toEqual([false, [], 0]);
    press(fingerprint, 20, 3000);
    expect([protection.isHigh(fingerprint), counts.recognised[fingerprint]]).toEqual([true, 1]);
    const traceId = protection.traceOf(fingerprint);
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    for (const other of FINGERPRINTS) expect(protection.isHigh(other)).toBe(other === fingerprint);
    now += 7000;
    protection.tend();
    expect([protection.isHigh(fingerprint), protection.traceOf(fingerprint)]).toEqual([false, undefined]);
    expect(changes).toEqual([true, false]);
    expect(lines.map(({ about }) => about?.traceId)).toEqual([traceId, traceId]);
    expect(lines[0]?.line).toMatch(/^warn .* is recognised \(20 \w+ in a second, 20 are the bound\): .*; trace /);
    expect(lines[1]?.line).toMatch(/^info .* is over; trace /);
  });

  test('the next pressure has another trace', () => {
    press('chat', 30, 2000);
    const first = protection.traceOf('chat');
    now += 10_000;
    press('chat', 30, 2000);
    expect(protection.traceOf('chat')).not.toBe(first);
    expect(counts.recognised.chat).toBe(2);
  });
});

describe('the limits of a mode', () => {
  const limit = (waitingMax: number) => new Limit({ fingerprint: 'joins', pressure: protection, counts, waitingMax });

  test('hold at their bound while the pressure is high, and not before', () => {
    const calm = limit(2);
    const leaves = Array.from({ length: 5 }, () => calm.enter());
    for (const leave of leaves) leave();
    press('joins', 30, 2000);
    const [first] = [calm.enter(), calm.enter()];
    expect(() => calm.enter()).toThrow('NL_OFFER_RATE');
    expect(counts.refused.joins).toBe(1);
    first?.();
    expect(() => calm.enter()).not.toThrow();
  });

  test('work that fails is on its way no longer', async () => {
    const one = limit(1);
    press('joins', 30, 2000);
    await expect(one.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await one.run(async () => 7)).toBe(7);
  });

  test('newcomers beyond the limit are refused by the step of their address, and returning players pass', async () => {
    const waiting = Promise.withResolvers<void>();
    const measured: string[] = [];
    const gate: ClosableGate = {
      measure: async (step, work) => {
        measured.push(step);
        return work();
      },
      identify: async () => {
        await waiting.promise;
        return ANYONE;
      },
      passOf: (account) => ({ ...ANYONE, account }),
      judge: async () => 'room',
      close: async () => {},
    };
    const limited = limitedGate(gate, limit(1));
    press('joins', 30, 2000);
    const first = limited.identify('a');
    await expect(limited.identify('b')).rejects.toMatchObject({ code: 'NL_OFFER_RATE' });
    expect(measured).toEqual(['address']);
    expect(await limited.judge(ANYONE, { kind: 'return', client: 'c' })).toBe('room');
    const account = { id: 'ada', role: 'player' };
    expect(limited.passOf(account).account).toBe(account);
    waiting.resolve();
    expect(await first).toBe(ANYONE);
    expect(await limited.identify('b')).toBe(ANYONE);
  });
});

describe('a flood of messages', () => {
  test('shortens the queues of rooms, and the newest messages stay', () => {
    const busCounts = new BusCounts();
    const queueMax = () => (protection.isHigh('chat') ? 2 : 8);
    const bus = countedBus(new ProcessBus({ queueMax, counts: busCounts }), protection);
    const [a, b] = [bus.open('game'), bus.open('game')];
    b.subscribe('chat');
    for (let n = 0; n < 8; n++) a.emit('chat', Uint8Array.of(n));
    expect(busCounts.dropped.queue).toBe(0);
    press('chat', 30, 2000);
    a.emit('chat', Uint8Array.of(8));
    expect([b.take()?.bytes[0], b.take()?.bytes[0], b.take()]).toEqual([7, 8, undefined]);
    expect(busCounts.dropped.queue).toBe(7);
  });

  test('counts what rooms send and what other hosts send', () => {
    let arrive = () => {};
    const link = countedLink((receive) => {
      arrive = () => receive('game', { topic: 'chat', origin: 1n, bytes: new Uint8Array() });
      return { listen() {}, ignore() {}, publish() {}, close: async () => {} };
    }, protection);
    let received = 0;
    link(() => received++);
    for (let step = 0; step < 20; step++) {
      arrive();
      arrive();
      now += 100;
    }
    expect([received, protection.isHigh('chat')]).toEqual([40, true]);
  });
});
