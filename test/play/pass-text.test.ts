import { expect, test } from 'vitest';
import { ANYONE } from '../../host/base/pass.ts';
import { Refusal } from '../../host/edge/admission/reasons.ts';
import { readPass, writePass } from '../../host/play/pass-text.ts';
import type { Gate } from '../../host/stream/gate.ts';

const ADA = { id: 'ada', role: 'player' };
const open: Pick<Gate, 'passOf'> = { passOf: () => ANYONE };
const closed: Pick<Gate, 'passOf'> = {
  passOf(account) {
    if (!account) throw new Refusal('token-missing');
    return { ...ANYONE, account };
  },
};

test('a pass outlives the process', () => {
  expect(readPass(writePass({ ...ANYONE, account: ADA }), closed)?.account).toEqual(ADA);
  expect(readPass(writePass(ANYONE), open)).toBe(ANYONE);
});

test('a host that anyone may join now takes the pass of an account, and one that wants accounts takes none without', () => {
  expect(readPass(writePass({ ...ANYONE, account: ADA }), open)).toBe(ANYONE);
  expect(readPass(writePass(ANYONE), closed)).toBeUndefined();
});

test.each(['{', '7', 'null', '{"id":1,"role":"player"}', '{"id":"","role":"player"}', '{"id":"ada"}'])(
  'the text %s is not a pass',
  (text) => {
    expect(readPass(text, closed)).toBeUndefined();
  },
);
