/**
 * Writes the Grafana dashboards and the rules of Prometheus that follow from host/observe: node test/check/sight.ts. With --check,
 * it compares them with the files in the repository instead.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BOARDS } from '../../host/observe/boards.ts';
import { dashboardOf } from './sight/dashboards.ts';
import { alertRules, objectiveRules } from './sight/rules.ts';

/** Folder of what an operator gives Prometheus, Alertmanager, Grafana and Loki. */
export const SIGHT = 'oci/k3s/sight';
const DASHBOARDS = `${SIGHT}/dashboards`;

/** Returns the contents of all generated files by their paths. */
export function sightFiles(): Map<string, string> {
  return new Map([
    ...BOARDS.map((board) => [`${DASHBOARDS}/${board.id}.json`, dashboardOf(board)] as const),
    [`${SIGHT}/objectives.rules.yml`, objectiveRules()],
    [`${SIGHT}/alerts.rules.yml`, alertRules()],
  ]);
}

/** Returns a fault for each generated file that is missing or out of date, and for each dashboard without a board. */
export function checkSight(root: string): string[] {
  const files = sightFiles();
  const advice = 'write it with: node test/check/sight.ts';
  const stale = [...files].filter(([path, text]) => read(join(root, path)) !== text);
  return [
    ...stale.map(([path]) => `${path} does not follow from host/observe; ${advice}`),
    ...leftOver(root, files).map((path) => `${path} has no board in host/observe; remove it`),
  ];
}

function leftOver(root: string, files: ReadonlyMap<string, string>): string[] {
  return readdirSync(join(root, DASHBOARDS))
    .map((name) => `${DASHBOARDS}/${name}`)
    .filter((path) => !files.has(path));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '../..');
  if (process.argv.includes('--check')) {
    const faults = checkSight(root);
    for (const fault of faults) process.stderr.write(`${fault}\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } else {
    const files = sightFiles();
    mkdirSync(join(root, DASHBOARDS), { recursive: true });
    for (const path of leftOver(root, files)) rmSync(join(root, path));
    for (const [path, text] of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
      process.stdout.write(`wrote ${path}\n`);
    }
  }
}
