import { expect, test } from 'vitest';
import { countLine, type Report } from './count.ts';

const report: Report = {
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ status: 'passed', assertionResults: [{ status: 'passed' }] }],
};

test('the line for a run without skipped tests has two counts', () => {
  expect(countLine(report, false)).toBe('7 passed, 0 failed');
});

test('skipped tests and tests to be written are counted', () => {
  expect(countLine({ ...report, numPendingTests: 2, numTodoTests: 1 }, false)).toBe('7 passed, 0 failed, 3 skipped');
});

test('a failed check of the sources counts as one failure', () => {
  expect(countLine({ ...report, numFailedTests: 2 }, true)).toBe('7 passed, 3 failed');
});

test('a test file that failed outside its tests counts as one failure', () => {
  const testResults = [...report.testResults, { status: 'failed', assertionResults: [] }];
  expect(countLine({ ...report, testResults }, false)).toBe('7 passed, 1 failed');
});

test('a test file whose failures are counted as tests is not counted as well', () => {
  const testResults = [{ status: 'failed', assertionResults: [{ status: 'failed' }] }];
  expect(countLine({ ...report, numFailedTests: 1, testResults }, false)).toBe('7 passed, 1 failed');
});

test('a run without a report counts as one failure', () => {
  expect(countLine(undefined, false)).toBe('0 passed, 1 failed');
});
