import { expect, test } from 'vitest';
import { JoinHistory, KEYS_MAX } from '../../../host/edge/rules/history.ts';
import { ManualClock } from '../../room/fake.ts';

const NONE = { account: 0, address: 0, addressRefusals: 0, node: 0 };

test('joins are counted by account, by address and for the node, without the one that is decided', () => {
  const history = new JoinHistory(new ManualClock());
  expect(history.take({ account: 'a', address: '1' })).toEqual(NONE);
  expect(history.take({ account: 'a', address: '2' })).toEqual({ ...NONE, account: 1, node: 1 });
  history.noteRefusal('1');
  expect(history.take({ address: '1' })).toEqual({ account: 0, address: 1, addressRefusals: 1, node: 2 });
});

test('a join is forgotten after a minute, and not earlier', () => {
  const clock = new ManualClock();
  const history = new JoinHistory(clock);
  clock.jump(1_000_000);
  history.take({ account: 'a', address: '1' });
  clock.jump(49_999);
  expect(history.take({ account: 'a', address: '2' }).account).toBe(1);
  clock.jump(10_001);
  expect(history.take({ account: 'a', address: '3' }).account).toBe(1);
  clock.jump(3_600_000);
  expect(history.take({ account: 'a', address: '4' })).toEqual(NONE);
});

test('KEYS_MAX addresses are remembered; the one that was seen least recently is forgotten first', () => {
  const history = new JoinHistory(new ManualClock());
  for (let n = 0; n < KEYS_MAX; n++) history.take({ address: `${n}` });
  // Address 0 counts as seen again, so that address 1 is the oldest.
  expect(history.take({ address: '0' }).address).toBe(1);
  expect(history.take({ address: 'new' }).address).toBe(0);
  expect(history.take({ address: '0' }).address).toBe(2);
  expect(history.take({ address: '1' }).address).toBe(0);
});
