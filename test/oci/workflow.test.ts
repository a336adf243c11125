import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { startDistribution } from './distribution.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Step {
  run?: string;
  env?: Record<string, string>;
}
interface Workflow {
  permissions: Record<string, string>;
  env: Record<string, string>;
  jobs: Record<'check' | 'publish', { steps: Step[]; if?: string; permissions?: Record<string, string> }>;
}

const { jobs, env, permissions } = parse(readFileSync(join(ROOT, '.github/workflows/game.yml'), 'utf8')) as Workflow;
const scripts = (job: keyof typeof jobs) => jobs[job].steps.flatMap(({ run }) => run ?? []);

it('the GitHub workflow runs the same commands as a developer, and publishes only what was merged', () => {
  const { scripts: own } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  const called = [...scripts('check'), ...scripts('publish')].map((run) => /npm (?:run )?([\w:]+)/.exec(run)?.[1]);
  expect(called).toEqual(['check', 'test', 'image', 'image']);
  for (const name of called) expect(own).toHaveProperty(must(name, 'script'));
  expect(permissions).toEqual({ contents: 'read' });
  expect(jobs.check.permissions).toBeUndefined();
  expect(jobs.publish.if).toBe("github.event_name == 'push'");
});

it('the GitHub workflow publishes an image under a name and a tag that a registry accepts', async () => {
  const distribution = await startDistribution();
  const folder = mkdtempSync(join(tmpdir(), 'workflow-'));
  try {
    const summary = join(folder, 'summary.md');
    // Runs the workflow's own script in a folder that has only the command that the script needs.
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ scripts: { image: `${process.execPath} ${ROOT}/host/cli/main.ts image` } }),
    );
    execFileSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', must(scripts('publish')[0], 'script')], {
      cwd: folder,
      stdio: 'pipe',
      env: {
        ...process.env,
        ...env,
        REGISTRY: distribution.address,
        GITHUB_REF_NAME: 'feature/Sea+sky',
        GITHUB_REPOSITORY: 'Example/Games',
        GITHUB_SERVER_URL: 'https://code.test',
        GITHUB_STEP_SUMMARY: summary,
      },
    });
    const [, digest] = readFileSync(summary, 'utf8').trim().split('@');
    const name = `docker://${distribution.address}/example/games:feature-Sea-sky`;
    const raw = execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', name], { encoding: 'utf8' });
    const { annotations } = JSON.parse(raw) as { annotations: Record<string, string> };
    expect(annotations).toMatchObject({
      'org.opencontainers.image.title': 'arena',
      'org.opencontainers.image.version': 'feature-Sea-sky',
      'org.opencontainers.image.source': 'https://code.test/Example/Games',
    });
    const inspected = execFileSync('skopeo', ['inspect', '--tls-verify=false', name], { encoding: 'utf8' });
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(JSON.parse(inspected)).toMatchObject({ Digest: digest });
  } finally {
    rmSync(folder, { recursive: true });
    await distribution.close();
  }
});
