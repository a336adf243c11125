import { readFileSync } from 'node:fs';

/** The parts of the report by vitest's JSON reporter that are read here. */
export interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/**
 * One line of counts: `N passed, N failed`, and `, N skipped` where there are any.
 * A file that fails outside its tests, a failed check and a run without a report count as one failure each.
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

/** Undefined if the tests ended before they wrote it. */
function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const [path = '', status = '0'] = process.argv.slice(2);
  process.stdout.write(`${countLine(readReport(path), status !== '0')}\n`);
}
