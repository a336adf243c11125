import { expect, test } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { AccountLimits } from '../../../host/edge/admission/accounts.ts';

function begin(limits = {}) {
  const clock = { ms: 0 };
  const bounds = { accountSeatsMax: 2, accountJoinsPerSecondMax: 2, ...limits };
  return { clock, accounts: new AccountLimits(bounds, { now: () => milli(clock.ms) }) };
}

test('an account may join four times its joins of a second at once, and then only as often as the limit says', () => {
  const { clock, accounts } = begin();
  for (let i = 0; i < 8; i++) accounts.countJoin('ada');
  expect(() => accounts.countJoin('ada')).toThrow('NL_ACCOUNT_RATE');
  accounts.countJoin('bob');
  clock.ms = 499;
  expect(() => accounts.countJoin('ada')).toThrow('NL_ACCOUNT_RATE');
  clock.ms = 500;
  accounts.countJoin('ada');
});

test('an account takes as many places as the limit says, and another one when it has left one', () => {
  const { accounts } = begin();
  accounts.take('ada');
  accounts.check('ada');
  accounts.take('ada');
  expect(() => accounts.check('ada')).toThrow('NL_ACCOUNT_FULL');
  expect(() => accounts.countJoin('ada')).toThrow('NL_ACCOUNT_FULL');
  accounts.countJoin('bob');
  accounts.free('ada');
  accounts.countJoin('ada');
  accounts.free('ada');
  for (let i = 0; i < 2; i++) accounts.take('ada');
  expect(() => accounts.check('ada')).toThrow('NL_ACCOUNT_FULL');
});
