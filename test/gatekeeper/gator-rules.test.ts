/** The rules for games, as the real gator of Gatekeeper understands them, in its oldest and its current version. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../command.ts';
import { CASES } from './cases.ts';
import { GATEKEEPER_VERSIONS, gator } from './gator.ts';
import { RULES, writeSuites } from './suites.ts';

const OVERLAYS = join(RULES, '..');
const DIGEST = `@sha256:${'0'.repeat(64)}`;
const say = (line: string) => void process.stdout.write(`${line}\n`);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nl-gatekeeper-'));
  writeSuites(join(folder, 'suites'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function build(overlay: string): string {
  return execFileSync('kubectl', ['kustomize', join(OVERLAYS, overlay)], { encoding: 'utf8' });
}

describe.each(GATEKEEPER_VERSIONS)('Gatekeeper %s', (version) => {
  /** Asks gator about manifests, with the expansion of workloads. Returns the constraints that they violate. */
  function violations(manifests: string): string[] {
    const work = mkdtempSync(join(folder, 'manifests-'));
    const files = {
      templates: build('gatekeeper/templates'),
      constraints: build('gatekeeper/constraints'),
      manifests,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(work, `${name}.yaml`), text);
    const { stdout, stderr, status } = spawnSync(gator(version, say), ['test', '-f', work, '-o', 'json'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect(stderr).toBe('');
    const results = (JSON.parse(stdout) ?? []) as { constraint: { metadata: { name: string } } }[];
    expect(status).toBe(results.length > 0 ? 1 : 0);
    return [...new Set(results.map(({ constraint }) => constraint.metadata.name))].sort();
  }

  test('gator accepts and refuses every pod of the suites as it should', () => {
    const printed = run(gator(version, say), ['verify', join(folder, 'suites'), '-v']);
    const passed = [...printed.matchAll(/--- PASS: (.*?)\s+\(/g)].map(([, name]) => name);
    for (const { name } of CASES) expect(passed).toContain(name);
    expect(printed).not.toContain('--- FAIL');
    say(printed.trim().split('\n').slice(-2).join('\n'));
  });

  test('gator notices a case whose pod is not what it should be', () => {
    const wrong = join(folder, `wrong-${version}`);
    mkdirSync(wrong);
    writeSuites(wrong);
    const path = join(wrong, 'suite.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('violations: no', 'violations: yes'));
    expect(() => run(gator(version, say), ['verify', wrong])).toThrow(/FAIL/);
  });

  test.each(['render', 'eight-core', 'battle', 'edge-nodes', 'software', 'dra', 'dra-shared', 'okg'])(
    'the overlay %s breaks no rule when its image has a digest, and without it only that one',
    (overlay) => {
      const manifests = build(overlay);
      expect(violations(manifests)).toEqual(['images-of-our-registries']);
      expect(violations(manifests.replace(/(image: registry\.example\/arena):1/g, `$1${DIGEST}`))).toEqual([]);
    },
  );

  test.each([
    ['battle', 'a Deployment'],
    ['okg', 'a GameServerSet'],
  ])('the pods that %s would make are looked at: %s that breaks rules is refused', (overlay) => {
    const broken = build(overlay)
      .replace('runtimeClassName: wasmedge', 'hostNetwork: true')
      .replace(/(image: registry\.example\/arena):1/g, `$1${DIGEST}`);
    expect(violations(broken)).toEqual(['games-run-under-wasmedge', 'no-privileges']);
  });
});
