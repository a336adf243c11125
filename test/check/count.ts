import { readFileSync } from 'node:fs';

/** The fields of the JSON report by vitest that the counts of tests come from. */
export interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/**
 * Formats the counts of a test run as one line: `N passed, N failed`, and `, N skipped` if there are any. A file that fails
 * outside its tests, a failed check of the sources, and a run without a report count as one failure each.
 */
export function countLine(report: Report | undefined, checkFailed: boolean): string {
  const broken = report?.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((result) => result.status !== 'failed'),
  ).length;
  const failed = (report?.numFailedTests ?? 0) + (broken ?? 1) + Number(checkFailed);
  const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  return `${report?.numPassedTests ?? 0} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Reads the JSON report of vitest; undefined if the tests ended before they wrote it. */
export function readReport<T extends Report>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const [path = '', status = '0'] = process.argv.slice(2);
  process.stdout.write(`${countLine(readReport(path), status !== '0')}\n`);
}
