import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { must } from '../../host/base/assert.ts';

const ROOT = join(import.meta.dirname, '../..');
export const OVERLAYS = join(ROOT, 'oci/k3s');

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: never;
}

mkdirSync(join(ROOT, 'build'), { recursive: true });
const folder = mkdtempSync(join(ROOT, 'build/manifests-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Output of kubectl by path, kept because the program takes a while. */
const built = new Map<string, string>();

/** Builds an overlay of oci/k3s, given by its path from there or by an absolute one. */
export function build(overlay: string): Manifest[] {
  const path = overlay.startsWith('/') ? overlay : join(OVERLAYS, overlay);
  const text = built.get(path) ?? execFileSync('kubectl', ['kustomize', path], { encoding: 'utf8' });
  built.set(path, text);
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** Builds what an operator's own overlay with these components makes. */
export function buildWith(overlay: string, components: string[]): Manifest[] {
  const from = (path: string) => `../oci/k3s/${path}`;
  return buildOwn(
    stringify({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [from(overlay)],
      components: components.map(from),
    }),
  );
}

/** Builds an operator's own kustomization, which lies in a folder beside oci. */
export function buildOwn(kustomization: string): Manifest[] {
  const own = mkdtempSync(join(folder, 'own-'));
  writeFileSync(join(own, 'kustomization.yaml'), kustomization.replaceAll('../oci/k3s', relative(own, OVERLAYS)));
  return build(own);
}

export function find<T = Manifest>(manifests: Manifest[], kind: string): T {
  return must(
    manifests.find((manifest) => manifest.kind === kind),
    kind,
  ) as T;
}

/** Name of the module that has the schemas and types of an API; undefined if none of our dependencies has them. */
function moduleOf(apiVersion: string): string | undefined {
  if (apiVersion.startsWith('gateway.networking.k8s.io/')) return `@kubernetes-models/gateway-api/${apiVersion}`;
  const [group = ''] = apiVersion.split('/');
  return group.includes('.') && !group.endsWith('.k8s.io') ? undefined : `kubernetes-models/${apiVersion}`;
}

/**
 * Returns manifests with those of kinds that no dependency of ours knows replaced by the pods that they would make. Manifests that make
 * none, and that no dependency knows, are left out.
 */
export function known(manifests: Manifest[]): Manifest[] {
  return manifests.flatMap((manifest) => {
    if (moduleOf(manifest.apiVersion) !== undefined) return manifest;
    const { gameServerTemplate } = manifest.spec as { gameServerTemplate?: { metadata: object; spec: never } };
    if (gameServerTemplate === undefined) return [];
    const { metadata, spec } = gameServerTemplate;
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'game-0', ...metadata }, spec };
  });
}

/** Compiles manifests as literals of Kubernetes' TypeScript types. Returns the errors; an unknown field is one. */
export function compile(manifests: Manifest[]): string {
  const lines = manifests.flatMap((manifest, index) => {
    const { apiVersion, kind } = manifest;
    return [
      `import type { I${kind} as T${index} } from '${moduleOf(apiVersion)}';`,
      `export const m${index}: T${index} = ${JSON.stringify(manifest)};`,
    ];
  });
  writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'));
  const options = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    moduleResolution: 'nodenext',
    skipLibCheck: true,
    types: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['manifests.ts'] }));
  try {
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8', stdio: 'pipe' });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** Returns the error that the schemas of Kubernetes report for a manifest, or '' if the manifest is valid. */
export async function problems(manifest: Manifest): Promise<string> {
  const models = (await import(/* @vite-ignore */ must(moduleOf(manifest.apiVersion), manifest.kind))) as Record<
    string,
    new (
      data: Manifest,
    ) => { validate(): void }
  >;
  try {
    const Model = must(models[manifest.kind], manifest.kind);
    new Model(manifest).validate();
    return '';
  } catch (error) {
    return `${manifest.kind}: ${(error as Error).message}`;
  }
}
