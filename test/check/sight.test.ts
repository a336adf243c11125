import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { jsonLine } from '../../host/base/log.ts';
import { BOARDS } from '../../host/observe/boards.ts';
import { at } from '../at.ts';
import { checkSight, SIGHT, sightFiles } from './sight.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'nearlight-sight-'));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (name: string) => readFileSync(join(root, SIGHT, name), 'utf8');

interface Dashboard {
  uid: string;
  templating: { list: { name: string }[] };
  panels: { id: number; title: string; targets: { expr: string; refId: string }[]; gridPos: object }[];
}

describe('the generated files', () => {
  test('a file that was changed, one that is missing, and a dashboard without a board are faults', () => {
    cpSync(join(root, SIGHT), join(folder, SIGHT), { recursive: true });
    expect(checkSight(folder)).toEqual([]);
    const [changed, missing] = [at([...sightFiles().keys()], 0), `${SIGHT}/alerts.rules.yml`];
    writeFileSync(join(folder, changed), '{}');
    rmSync(join(folder, missing));
    writeFileSync(join(folder, SIGHT, 'dashboards/old.json'), '{}');
    expect(checkSight(folder)).toEqual([
      expect.stringContaining(changed),
      expect.stringContaining(missing),
      expect.stringContaining('old.json has no board'),
    ]);
  });

  test.each(BOARDS.map((board) => [board.id, board] as const))(
    'the dashboard %s has the panels of its board',
    (id, board) => {
      const dashboard = JSON.parse(read(`dashboards/${id}.json`)) as Dashboard;
      expect(dashboard.uid).toBe(`nearlight-${id}`);
      expect(dashboard.panels.map(({ title }) => title)).toEqual(board.panels.map(({ title }) => title));
      expect(new Set(dashboard.panels.map((panel) => panel.id)).size).toBe(board.panels.length);
      const variables = dashboard.templating.list.map(({ name }) => name);
      for (const { targets } of dashboard.panels)
        for (const { expr } of targets)
          for (const [, name = ''] of expr.matchAll(/\$(\w+)/g))
            if (name !== '__rate_interval') expect(variables).toContain(name);
    },
  );
});

describe('the files that an operator may change', () => {
  test('the kustomization names every dashboard and every file of rules', () => {
    const { configMapGenerator } = parse(read('kustomization.yaml')) as { configMapGenerator: { files: string[] }[] };
    const named = configMapGenerator.flatMap(({ files }) => files);
    expect([...sightFiles().keys()].filter((path) => !named.includes(path.slice(SIGHT.length + 1)))).toEqual([]);
  });

  test('Alloy reads the fields that a line of the log has', () => {
    const [, list = ''] = /stage\.json \{\s*expressions = \{([^}]*)\}/.exec(read('config.alloy')) ?? [];
    const fields = [...list.matchAll(/^\s*(\w+)\s*= "(\w+)",$/gm)].map(([, name, source]) => [name, source]);
    const line = JSON.parse(
      jsonLine('info', 'a message', { room: 'arena', player: 0, traceId: 'a', spanId: 'b' }),
    ) as object;
    const expected = Object.keys(line).filter((name) => name !== 'message');
    expect(fields).toEqual(expected.map((name) => [name, name]));
  });

  test('Loki keeps structured metadata, which needs version 13 of its schema', () => {
    const { schema_config, limits_config } = parse(read('loki.yml')) as {
      schema_config: { configs: { schema: string; store: string }[] };
      limits_config: { allow_structured_metadata: boolean };
    };
    expect(schema_config.configs).toEqual([expect.objectContaining({ schema: 'v13', store: 'tsdb' })]);
    expect(limits_config.allow_structured_metadata).toBe(true);
  });
});
