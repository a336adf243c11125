import { expect, test } from 'vitest';
import { TransportFeedback } from '../../../host/stream/rtp/transport-feedback.ts';
import { Random } from '../../random.ts';
import { type Arrivals, type WriterOptions, writeFeedback } from './feedback-writer.ts';

const LOST = Number.NaN;
/** Number of mutated reports. More of them run in `bench -- fuzz`. */
const MUTANTS = 20_000;

function read(options: WriterOptions, feedback = new TransportFeedback()) {
  const ok = feedback.read(writeFeedback(options));
  return { ok, first: feedback.first, arrivals: [...feedback.arrivals.subarray(0, feedback.count)] };
}

test.each(['run', 'one', 'two'] as const)('arrivals are read from chunks of the kind "%s"', (kind) => {
  const arrivals = [640, 640.25, LOST, LOST, 703.75, 650, 8000, LOST, 8000, ...Array(40).fill(8001)];
  expect(read({ first: 65_530, arrivals, chunk: () => kind })).toEqual({ ok: true, first: 65_530, arrivals });
});

test('a reference time that wraps goes on, forwards and backwards', () => {
  const wrap = 2 ** 24 * 64;
  const feedback = new TransportFeedback();
  const times = [wrap - 64, wrap + 64, wrap - 128, wrap + 640];
  expect(times.map((time) => read({ first: 0, arrivals: [time] }, feedback).arrivals[0])).toEqual(times);
});

test('a report about 1 to 8192 packets is read, one about more or none is not', () => {
  const about = (count: number) => read({ first: 0, arrivals: Array(count).fill(64), chunk: () => 'run' }).ok;
  expect([0, 1, 8192, 8193, 60_000].map(about)).toEqual([false, true, true, false, false]);
});

test('an invalid status, a run of no packets and a report that ends too early are refused', () => {
  const arrivals = [64, 65, 66];
  const good = writeFeedback({ first: 0, arrivals, chunk: () => 'run' });
  const changed = (chunk: number) => {
    const packet = Buffer.from(good);
    packet.writeUInt16BE(chunk, 20);
    return new TransportFeedback().read(packet);
  };
  expect(changed(0x2003)).toBe(true);
  expect(changed(0x6003)).toBe(false);
  expect(changed(0x2000)).toBe(false);
  // Three deltas need three bytes after the chunk; the report has two more for padding.
  for (let bytes = 0; bytes < 25; bytes++) expect(new TransportFeedback().read(good.subarray(0, bytes))).toBe(false);
  expect(new TransportFeedback().read(good.subarray(0, 25))).toBe(true);
});

test('a refused report changes nothing', () => {
  const feedback = new TransportFeedback();
  read({ first: 7, arrivals: [64, 65] }, feedback);
  expect(feedback.read(writeFeedback({ first: 9, arrivals: [70, 71, 72] }).subarray(0, 22))).toBe(false);
  expect([feedback.first, feedback.count, feedback.arrivals[0]]).toEqual([7, 2, 64]);
});

/** Makes arrivals at random: mostly in order and close together, some lost, some late. */
function randomArrivals(random: Random): Arrivals {
  let time = 64 * random.below(1000);
  return Array.from({ length: 1 + random.below(random.percent(10) ? 3000 : 60) }, () => {
    time += random.percent(90) ? random.below(40) / 4 : random.below(20_000) / 4 - 2000;
    return random.percent(20) ? LOST : time;
  });
}

test('whatever the arrivals and the chunks, the reader returns what was written', () => {
  const feedback = new TransportFeedback();
  for (let seed = 1; seed <= 1000; seed++) {
    const random = new Random(seed);
    const arrivals = randomArrivals(random);
    const first = random.below(65_536);
    const chunk = () => random.pick(['run', 'one', 'two'] as const);
    expect(read({ first, arrivals, chunk }, feedback), `seed ${seed}`).toEqual({ ok: true, first, arrivals });
  }
});

test('mutated reports never throw, and what is read stays within the bounds', () => {
  const feedback = new TransportFeedback();
  let refused = 0;
  for (let seed = 1; seed <= MUTANTS; seed++) {
    const random = new Random(seed);
    const packet = writeFeedback({ first: random.below(65_536), arrivals: randomArrivals(random) });
    for (let change = random.below(4); change >= 0; change--) packet[random.below(packet.length)] = random.below(256);
    const cut = random.percent(30) ? packet.subarray(0, random.below(packet.length)) : packet;
    if (!feedback.read(cut)) refused++;
    else if (feedback.count < 1 || feedback.count > feedback.arrivals.length) throw new Error(`seed ${seed}`);
  }
  expect(refused).toBeGreaterThan(MUTANTS / 100);
  expect(refused).toBeLessThan(MUTANTS);
});
