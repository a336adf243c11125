import { expect, test } from 'vitest';
import { FILES_MAX, type FullReport, failedFiles, withSecondTry } from './again.ts';

const ROOT = '/project';

/** A report of files with the statuses of their tests; a file without tests has failed outside of them. */
function report(files: Record<string, string[]>): FullReport {
  const testResults = Object.entries(files).map(([name, statuses]) => ({
    name: `${ROOT}/${name}`,
    status: statuses.length === 0 || statuses.includes('failed') ? 'failed' : 'passed',
    assertionResults: statuses.map((status) => ({ status })),
  }));
  const empty = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, success: false };
  return withSecondTry({ ...empty, testResults }, { ...empty, testResults: [] });
}

test('files with a failure are tried a second time, unless they are too many', () => {
  const failing = (count: number) =>
    report(Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}`, ['failed']])));
  expect(
    failedFiles(report({ 'a.test.ts': ['passed'], 'b.test.ts': ['passed', 'failed'], 'c.test.ts': [] }), ROOT),
  ).toEqual(['b.test.ts', 'c.test.ts']);
  expect(failedFiles(failing(FILES_MAX), ROOT)).toHaveLength(FILES_MAX);
  expect(failedFiles(failing(FILES_MAX + 1), ROOT)).toEqual([]);
});

test('the second results of a file replace the first, and all others stay', () => {
  const first = report({
    'a.test.ts': ['passed', 'todo'],
    'b.test.ts': ['passed', 'failed', 'skipped'],
    'c.test.ts': [],
  });
  expect(first).toMatchObject({
    numPassedTests: 2,
    numFailedTests: 1,
    numPendingTests: 1,
    numTodoTests: 1,
    success: false,
  });
  const second = withSecondTry(first, report({ 'b.test.ts': ['passed', 'passed', 'skipped'] }));
  expect(second).toMatchObject({ numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, success: false });
  expect(withSecondTry(second, report({ 'c.test.ts': ['passed'] }))).toMatchObject({
    numPassedTests: 4,
    success: true,
  });
});

test('a file that fails twice has failed', () => {
  const first = report({ 'a.test.ts': ['failed'] });
  expect(withSecondTry(first, first)).toMatchObject({ numPassedTests: 0, numFailedTests: 1, success: false });
});
