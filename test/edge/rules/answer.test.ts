import { describe, expect, test } from 'vitest';
import { readAnswer, readReady } from '../../../host/edge/rules/answer.ts';
import { OCCASION_JOIN, OCCASION_PLAY, REASON_BYTES_MAX } from '../../../renderer/contract/rule.ts';
import { answer, ready } from './modules.ts';

const words = (list: number[]) => Uint32Array.from(list);

describe('what a rule submits first', () => {
  test.each([OCCASION_JOIN, OCCASION_PLAY, OCCASION_JOIN | OCCASION_PLAY])('occasions %i are accepted', (occasions) => {
    expect(readReady(words(ready({ occasions })))).toEqual({ occasions, address: 8192 });
  });

  test.each([
    ['nothing, as a game does', [], 'it is a game and not a rule'],
    ['another command', [(4 << 16) | 5, 1, 1, 8], 'it is a game and not a rule'],
    ['the command twice', [...ready(), ...ready()], 'it is a game and not a rule'],
    ['another version', ready({ version: 2 }), 'version 2 of the interface of rules, and this host supports version 1'],
    ['no occasion', ready({ occasions: 0 }), 'call atJoin or duringPlay'],
    ['an unknown occasion', ready({ occasions: 4 }), 'an occasion that this host does not know'],
    ['no address', ready({ address: 0 }), 'not a multiple of 8'],
    ['an address that is not aligned', ready({ address: 8196 }), 'not a multiple of 8'],
  ])('%s is refused', (_name, list, message) => {
    expect(() => readReady(words(list))).toThrow(message);
  });
});

describe('an answer', () => {
  test.each([
    [{ verdict: 0 }, { verdict: 'allow', reason: '', score: 0 }],
    [
      { verdict: 0, score: 1, reason: 'new' },
      { verdict: 'allow', reason: 'new', score: 1 },
    ],
    [
      { verdict: 1, score: 0.5, reason: 'a-9' },
      { verdict: 'flag', reason: 'a-9', score: 0.5 },
    ],
    [
      { verdict: 2, reason: 'x'.repeat(REASON_BYTES_MAX) },
      { verdict: 'refuse', reason: 'x'.repeat(REASON_BYTES_MAX), score: 0 },
    ],
  ])('%o is read', (given, read) => {
    expect(readAnswer(words(answer(given)))).toEqual(read);
  });

  const long = answer({ verdict: 2, reason: 'x' });
  long[3] = REASON_BYTES_MAX + 1;
  test.each([
    ['none', [], 'exactly one answer'],
    ['two', [...answer(), ...answer()], 'exactly one answer'],
    ['one that is cut short', answer().slice(0, -1), 'exactly one answer'],
    ['another command', ready(), 'exactly one answer'],
    ['an unknown verdict', answer({ verdict: 3, reason: 'x' }), 'its verdict 3 is unknown'],
    ['a verdict that names no property', answer({ verdict: 2 ** 32 - 1, reason: 'x' }), 'its verdict 4294967295'],
    ['a score below 0', answer({ score: -0.01 }), 'not a number from 0 to 1'],
    ['a score above 1', answer({ score: 1.01 }), 'not a number from 0 to 1'],
    ['a score that is not a number', answer({ score: Number.NaN }), 'not a number from 0 to 1'],
    ['a refusal without a reason', answer({ verdict: 2 }), 'not made of the characters'],
    ['a flag without a reason', answer({ verdict: 1 }), 'not made of the characters'],
    ['a reason with a line break', answer({ verdict: 2, reason: 'a\nb' }), 'not made of the characters'],
    ['a reason with a capital', answer({ reason: 'A' }), 'not made of the characters'],
    [
      'a reason that is too long',
      long,
      `its reason has ${REASON_BYTES_MAX + 1} bytes, and ${REASON_BYTES_MAX} are allowed`,
    ],
  ])('%s is refused', (_name, list, message) => {
    expect(() => readAnswer(words(list))).toThrow(message);
  });
});
