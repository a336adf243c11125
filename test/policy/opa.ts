import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '../../host/edge/policy/bundle.ts';
import { run } from '../command.ts';

/** The OPA that compiles the bundle, and the oldest one that must answer alike. */
export const OPA_VERSIONS = ['1.22.4', '0.60.0'] as const;
export const [COMPILER, OLDEST] = OPA_VERSIONS;

export const POLICY_FOLDER = join(import.meta.dirname, '../../host/edge/policy');
export const SOURCES = ['gaming.rego', 'game.rego'];

const MODULE = 'github.com/open-policy-agent/opa';
const CACHE = process.env.CACHE_DIR || join(homedir(), '.cache/nearlight');

/** Returns the path of an OPA of this version, and builds it from its Go module first if it is not there. */
export function opa(version: string, say: (line: string) => void): string {
  const folder = join(CACHE, 'opa');
  const path = join(folder, `opa-${version}`);
  if (existsSync(path)) return path;
  say(`building OPA ${version}, which takes some minutes ...`);
  const work = mkdtempSync(join(tmpdir(), 'nl-opa-'));
  mkdirSync(folder, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  // `go install MODULE@VERSION` refuses a module that replaces others, as the older one does, so OPA is built as a dependency.
  const go = (...args: string[]) => run('go', args, { folder: work, env: { GOFLAGS: '-mod=mod' } });
  go('mod', 'init', 'policy');
  go('get', `${MODULE}@v${version}`);
  go('build', '-o', temporary, MODULE);
  renameSync(temporary, path);
  rmSync(work, { recursive: true });
  return path;
}

/** Makes a folder with the policies as OPA takes them: their sources, and a manifest that names their language. */
export function makeSources(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nl-rego-'));
  for (const name of SOURCES) writeFileSync(join(folder, name), readFileSync(join(POLICY_FOLDER, name)));
  const manifest = { revision: revisionOf(), roots: ['gaming', 'game'], rego_version: 0 };
  writeFileSync(join(folder, '.manifest'), JSON.stringify(manifest));
  return folder;
}

/** The revision is a digest of the sources, so that the decision log names them. */
export function revisionOf(): string {
  return digestOf(Buffer.concat(SOURCES.map((name) => readFileSync(join(POLICY_FOLDER, name))))).slice(0, 16);
}

/** Compiles the policies into a bundle. */
export function compile(path: string, out: string): void {
  const sources = makeSources();
  run(path, ['build', '-b', '.', '-t', 'wasm', '-e', 'gaming/allow', '-e', 'game/allow', '-o', out], {
    folder: sources,
  });
  rmSync(sources, { recursive: true });
}
