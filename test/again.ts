import { isAbsolute, relative } from 'node:path';
import type { Report } from './check/count.ts';

/** If more files than this fail, the cause is not the chance of a moment. */
export const FILES_MAX = 3;

/** The fields of a report by vitest that a second try of a file changes. */
export interface FullReport extends Report {
  success: boolean;
  testResults: (Report['testResults'][number] & { name: string })[];
}

/** Returns the paths of the files that failed, relative to the root; empty if they are too many for a second try. */
export function failedFiles({ testResults }: FullReport, root: string): string[] {
  const failed = testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);
  if (failed.length > FILES_MAX) return [];
  return failed.map((name) => (isAbsolute(name) ? relative(root, name) : name));
}

/** Returns the report of a run with the results of the files that a second run has tried in place of the first ones. */
export function withSecondTry(first: FullReport, second: FullReport): FullReport {
  const replaced = new Map(second.testResults.map((result) => [result.name, result]));
  const testResults = first.testResults.map((result) => replaced.get(result.name) ?? result);
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const count = (...statuses: string[]) => results.filter(({ status }) => statuses.includes(status)).length;
  return {
    ...first,
    testResults,
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('pending', 'skipped'),
    numTodoTests: count('todo'),
    success: testResults.every(({ status }) => status === 'passed'),
  };
}
