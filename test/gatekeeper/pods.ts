export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Fields = { [key: string]: Json };

export interface Container extends Fields {
  name: string;
  image: string;
  resources: Fields;
  securityContext: Fields;
}

export interface Spec extends Fields {
  containers: Container[];
}

export interface Case {
  /** The constraint that the pod is tested with. */
  constraint: string;
  name: string;
  /** Namespace of the pod; by default that of the games. */
  namespace?: string;
  /** Changes a pod that all rules accept. */
  change(spec: Spec, game: Container): void;
  /** Text of the only violation; undefined if the constraint accepts the pod. */
  refused?: string;
}

export const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
export const IMAGE = `registry.example/arena@${DIGEST}`;

/** Returns the spec of a pod that all rules accept. */
export function goodSpec(): Spec {
  return {
    runtimeClassName: 'wasmedge',
    nodeSelector: { gpu: 'enabled' },
    securityContext: { runAsNonRoot: true, runAsUser: 65532 },
    containers: [container('game')],
  };
}

/** Returns a container with these resources; by default one that all rules accept. */
export function container(
  name: string,
  limits: Fields = { cpu: '2', memory: '1Gi', 'nvidia.com/gpu': '1' },
): Container {
  return {
    name,
    image: IMAGE,
    resources: { requests: { ...limits }, limits: { ...limits } },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
}

/** Returns a container that asks for no GPU. */
export const small = (name: string) => container(name, { cpu: '1', memory: '1Mi' });

/** Returns cases of one constraint by their names. */
export function about(constraint: string, cases: Record<string, Omit<Case, 'constraint' | 'name'>>): Case[] {
  return Object.entries(cases).map(([name, rest]) => ({ constraint, name, ...rest }));
}

/** Returns the pod of a case. */
export function podOf({ namespace = 'nearlight', change }: Case): object {
  const spec = goodSpec();
  const [game] = spec.containers;
  if (game) change(spec, game);
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'game', namespace }, spec };
}
