import { ROWS } from './rows.ts';

/** How one attack on an installed host ended. */
export interface Outcome {
  row: number;
  /** The right outcome, as the name of the test states it. */
  attack: string;
  held: boolean;
  /** Why the test failed. */
  reason: string;
}

const REASON_LENGTH = 150;

/**
 * Formats the outcomes of attacks as a table in Markdown, and the number of those that held.
 * @param isWhole whether every row must have a test; a row without one is then reported as not tested
 */
export function formatTable(outcomes: readonly Outcome[], isWhole: boolean): string {
  const lines = ROWS.flatMap(({ row, severity, weakness }) => {
    const own = outcomes.filter((outcome) => outcome.row === row);
    if (own.length === 0) return isWhole ? [`| ${row} | ${severity} | ${weakness} | NOT TESTED |`] : [];
    return own.map(({ attack, held, reason }) => {
      const said = reason.split('\n')[0]?.replaceAll('|', '/').slice(0, REASON_LENGTH) ?? '';
      return `| ${row} | ${severity} | ${attack} | ${held ? 'held' : `BROKEN: ${said}`} |`;
    });
  });
  const held = outcomes.filter((outcome) => outcome.held).length;
  const head = ['| row | severity | attack, named by its right outcome | outcome |', '| --: | --- | --- | --- |'];
  return `\n${[...head, ...lines].join('\n')}\n\n${held} of ${outcomes.length} attacks held\n`;
}
