import { expect, test } from 'vitest';
import { ANYONE } from '../../host/base/pass.ts';
import { milli } from '../../host/base/time.ts';
import { Admission, type AdmissionLimits } from '../../host/stream/admission.ts';
import { at } from '../at.ts';

const ROOMY: AdmissionLimits = {
  offersPerSecondMax: 1000,
  addressOffersPerSecondMax: 1000,
  halfOpenMax: 1000,
  addressHalfOpenMax: 1000,
  addressSeatsMax: 1000,
};

function begin(limits: Partial<AdmissionLimits>) {
  let now = 0;
  const admission = new Admission({ ...ROOMY, ...limits }, { now: () => milli(now) });
  const displaced: string[] = [];
  return {
    admission,
    displaced,
    pass: (ms: number) => (now += ms),
    open: (client: string, name = client) => admission.open(client, () => displaced.push(name)),
    offers: (client: string, count: number) => {
      for (let offer = 0; offer < count; offer++) admission.countOffer(client);
    },
  };
}

test('an address may send twice its offers of a second at once, and then only as many as the limit says', () => {
  const { offers, pass } = begin({ addressOffersPerSecondMax: 5 });
  offers('a', 10);
  expect(() => offers('a', 1)).toThrow('NL_OFFER_RATE');
  offers('b', 10);
  pass(199);
  expect(() => offers('a', 1)).toThrow('NL_OFFER_RATE');
  pass(1);
  offers('a', 1);
  expect(() => offers('a', 1)).toThrow('NL_OFFER_RATE');
});

test('offers that exceed the limit of their address do not count for the limit of all', () => {
  const { offers } = begin({ addressOffersPerSecondMax: 5, offersPerSecondMax: 10 });
  offers('a', 10);
  for (let offer = 0; offer < 100; offer++) expect(() => offers('a', 1)).toThrow('NL_OFFER_RATE');
  offers('b', 10);
  expect(() => offers('c', 1)).toThrow('NL_OFFER_RATE');
});

test('a seat that another connection takes over counts once, for the address of the newer one', () => {
  const { admission, open } = begin({ addressSeatsMax: 1 });
  const first = open('a');
  first.seat();
  const second = open('a');
  expect(() => second.seat()).toThrow('NL_ADDRESS_FULL');
  second.seat(first);
  first.close();
  expect(() => admission.countOffer('a')).toThrow('NL_ADDRESS_FULL');
  admission.countOffer('a', true);
  const moved = open('b');
  moved.seat(second);
  admission.countOffer('a');
  expect(() => admission.countOffer('b')).toThrow('NL_ADDRESS_FULL');
});

test('a newer connection displaces the oldest of the same address, once that had a second', () => {
  const { open, displaced, pass, admission } = begin({ addressHalfOpenMax: 2 });
  open('a', 'first');
  open('a', 'second');
  pass(999);
  expect(() => open('a')).toThrow('NL_HALF_OPEN');
  open('b');
  pass(1);
  open('a', 'third');
  expect([displaced, admission.halfOpen]).toEqual([['first'], 3]);
});

test('when too many connections of all addresses are half-open, the address that has the most gives one up', () => {
  const { open, displaced, pass } = begin({ halfOpenMax: 4 });
  for (const client of ['a', 'b', 'b', 'b']) open(client);
  pass(1000);
  open('c');
  open('d');
  expect(displaced).toEqual(['b', 'b']);
});

test('connections that have a seat or have ended are not half-open', () => {
  const { open, admission } = begin({ halfOpenMax: 2 });
  const tickets = [open('a'), open('a')];
  expect(() => open('b')).toThrow('NL_HALF_OPEN');
  at(tickets, 0).seat();
  at(tickets, 1).close();
  at(tickets, 1).close();
  expect(admission.halfOpen).toBe(0);
  open('b');
});

test('an address may take seats up to its limit, and again when one is free', () => {
  const { open, offers } = begin({ addressSeatsMax: 2 });
  const [first, second, third] = [open('a'), open('a'), open('a')];
  first.seat();
  offers('a', 1);
  second.seat();
  expect(() => offers('a', 1)).toThrow('NL_ADDRESS_FULL');
  expect(() => third.seat()).toThrow('NL_ADDRESS_FULL');
  offers('b', 1);
  first.close();
  first.close();
  third.seat();
  expect(() => offers('a', 1)).toThrow('NL_ADDRESS_FULL');
});

test('who was dismissed has to wait: a page at its address, or of its account wherever it is', () => {
  const account = (id: string) => ({ ...ANYONE, account: { id, role: '' } });
  const { admission, pass, offers } = begin({});
  admission.dismiss('a');
  expect(() => offers('a', 1)).toThrow(
    'NL_DISMISSED: A page of this player was dismissed for what it sent: join again in 2 s',
  );
  admission.countOffer('a', true);
  offers('b', 1);
  pass(2000);
  offers('a', 1);
  admission.dismiss('a', account('x'));
  offers('a', 1);
  expect(() => admission.open('b', () => {}, account('x'))).toThrow('NL_DISMISSED');
  admission.open('b', () => {}, account('y')).close();
  pass(2000);
  admission.open('b', () => {}, account('x')).close();
});
