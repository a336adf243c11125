import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { SIGHT } from '../check/sight.ts';

const ROOT = join(import.meta.dirname, '../..');
const CASES = join(import.meta.dirname, 'rules.test.yml');

/** A copy of the configuration for Debian's Prometheus, which is built without the discovery of Kubernetes' pods. */
const folder = mkdtempSync(join(tmpdir(), 'nearlight-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));
cpSync(join(ROOT, SIGHT), folder, { recursive: true });
const config = parse(readFileSync(join(folder, 'prometheus.yml'), 'utf8')) as {
  scrape_configs: { kubernetes_sd_configs?: object }[];
};
for (const job of config.scrape_configs) delete job.kubernetes_sd_configs;
writeFileSync(join(folder, 'prometheus.yml'), stringify(config));

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

describe('the rules', () => {
  test.each([
    ['promtool', 'check', 'rules', `${SIGHT}/objectives.rules.yml`, `${SIGHT}/alerts.rules.yml`],
    ['promtool', 'check', 'config', join(folder, 'prometheus.yml')],
    ['amtool', 'check-config', `${SIGHT}/alertmanager.yml`],
    ['promtool', 'test', 'rules', CASES],
  ])('%s %s %s', (program, ...args) => {
    const { status, output } = run(program, ...args);
    expect([status, output]).toEqual([0, expect.stringMatching(/SUCCESS/)]);
  });

  test('every alert fires in at least one case', () => {
    const text = readFileSync(CASES, 'utf8');
    for (const name of ['objectives.rules.yml', 'alerts.rules.yml'])
      for (const [, alert] of readFileSync(join(ROOT, SIGHT, name), 'utf8').matchAll(/- alert: (\S+)/g))
        expect(text).toContain(`'ALERTS{alertname="${must(alert, 'name')}", alertstate="firing",`);
  });
});
