import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { asResourceError } from '../../host/base/system-error.ts';

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('an array that the machine cannot allocate is a lack of memory', () => {
  expect(asResourceError(caught(() => new ArrayBuffer(2 ** 52)))).toMatchObject({
    code: 'NL_HOST_MEMORY',
    detail: 'Array buffer allocation failed: there is no memory left; give this process more',
  });
});

test.each([
  ['EMFILE', 'NL_HOST_FILES'],
  ['ENFILE', 'NL_HOST_FILES'],
  ['ENOMEM', 'NL_HOST_MEMORY'],
])('%s of the operating system becomes %s', (code, expected) => {
  expect(asResourceError(Object.assign(new Error(`${code}: it failed`), { code }))).toMatchObject({ code: expected });
});

test('other errors stay as they are', () => {
  const missing = caught(() => closeSync(openSync('/dev/null/nothing', 'r')));
  const coded = new NearlightError('NL_INPUT', 'too many open files');
  for (const error of [missing, coded, new RangeError('Invalid array length'), 'text', undefined])
    expect(asResourceError(error)).toBe(error);
});
