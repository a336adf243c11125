import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { must } from '../../host/base/assert.ts';

const ROOT = join(import.meta.dirname, '../..');
export const MANIFESTS = join(ROOT, 'oci/k3s');

interface Container {
  image: string;
  env: { name: string; value: string }[];
  resources: Record<'requests' | 'limits', Record<string, string>>;
}

/** The parts of a Kubernetes object that the tests read or change. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec: {
    replicas?: number;
    template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
    [field: string]: unknown;
  };
}

interface PodSpec {
  runtimeClassName?: string;
  containers: [Container];
  [field: string]: unknown;
}

/** The folders of oci/k3s with manifests: overlays, and components that add objects to them. */
export const OVERLAYS = globSync('**/kustomization.yaml', { cwd: MANIFESTS })
  .map((path) => dirname(path))
  .filter((path) => !path.startsWith('parts/'))
  .sort();

/** Reads the objects of an overlay of oci/k3s. */
export function readOverlay(name: string): KubeObject[] {
  const text = execFileSync('kubectl', ['kustomize', join(MANIFESTS, name)], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

/** Reads a compiled game of this repository. */
export function moduleOf(game: 'arena' | 'latency'): Uint8Array {
  return readFileSync(join(ROOT, `build/${game}.wasm`));
}

export interface GameOptions {
  namespace: string;
  image: string;
  replicas?: number;
  env?: Record<string, string>;
  /** The container's CPU request: those of `base` fill the two cores of a small machine with six pods. */
  cpu?: string;
  /** Whether pods request little memory and have the RuntimeClass LIGHT, without an overhead, so that a small machine has room for many. */
  isLight?: boolean;
}

/** Name of a RuntimeClass for tests. The test that uses it deletes it. */
export const LIGHT = 'test-light';

/** Gives the objects of an overlay another namespace, and their pods the image of a test. */
export function place(
  objects: KubeObject[],
  { namespace, image }: Pick<GameOptions, 'namespace' | 'image'>,
): KubeObject[] {
  for (const { kind, metadata, spec } of objects) {
    if (kind === 'Namespace') metadata.name = namespace;
    else if (metadata.namespace !== undefined) metadata.namespace = namespace;
    if (kind === 'Deployment') spec.template.spec.containers[0].image = image;
  }
  return objects;
}

/**
 * The objects of oci/k3s/base for a node without a GPU: the same pods, with the software driver, in another namespace. There is no
 * autoscaler, because it would want at least 20 pods.
 */
export function gameObjects(options: GameOptions): KubeObject[] {
  const { namespace, image, replicas = 1, env = {}, cpu = '50m', isLight = false } = options;
  const objects = place(readOverlay('base'), { namespace, image }).filter(
    ({ kind }) => kind !== 'HorizontalPodAutoscaler',
  );
  for (const { kind, metadata, spec } of objects) {
    if (kind === 'RuntimeClass' && isLight) metadata.name = LIGHT;
    if (kind !== 'Deployment') continue;
    spec.replicas = replicas;
    const [container] = spec.template.spec.containers;
    setEnvironment(container, { GPU_ENABLED: 'false', ...env });
    for (const amounts of Object.values(container.resources)) delete amounts['nvidia.com/gpu'];
    container.resources.requests.cpu = cpu;
    if (!isLight) continue;
    spec.template.spec.runtimeClassName = LIGHT;
    container.resources.requests.memory = '64Mi';
  }
  return isLight ? objects.map(withoutOverhead) : objects;
}

function withoutOverhead(object: KubeObject): KubeObject {
  const { overhead: _, ...rest } = object as KubeObject & { overhead?: object };
  return rest;
}

function setEnvironment(container: Container, env: Record<string, string>): void {
  container.env = container.env.filter(({ name }) => env[name] === undefined);
  container.env.push(...Object.entries(env).map(([name, value]) => ({ name, value })));
}

/** A pod as the Deployment of these objects makes it. */
export function podOf(objects: readonly KubeObject[], name: string): object {
  const { metadata, spec } = must(
    objects.find(({ kind }) => kind === 'Deployment'),
    'Deployment',
  );
  const { namespace } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...spec.template.metadata, name, namespace },
    spec: spec.template.spec,
  };
}

/** The same pod under runc, with a program that does nothing but answer the probes. */
export function trivialPodOf(objects: readonly KubeObject[], name: string, image: string): object {
  const pod = structuredClone(podOf(objects, name)) as { spec: PodSpec };
  delete pod.spec.runtimeClassName;
  pod.spec.containers[0].image = image;
  return pod;
}

/** Formats objects as one manifest. */
export function manifest(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
