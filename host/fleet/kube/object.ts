/** The parts of Kubernetes' objects that the fleet reads and writes. */
export interface KubeObject {
  metadata: Metadata;
}

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Changes with each change of the object. */
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

export interface Pod extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly readinessGates?: readonly { readonly conditionType: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
  };
}

export interface Node extends KubeObject {}

/** A Lease of coordination.k8s.io/v1. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** A kind of objects: the path of its list in a namespace, or in the cluster. */
export interface Kind<T extends KubeObject> {
  readonly apiVersion: string;
  readonly name: string;
  readonly plural: string;
  /** Objects have this type; the field is never set. */
  readonly type?: T;
}

export const PODS: Kind<Pod> = { apiVersion: 'v1', name: 'Pod', plural: 'pods' };
export const NODES: Kind<Node> = { apiVersion: 'v1', name: 'Node', plural: 'nodes' };
export const LEASES: Kind<Lease> = { apiVersion: 'coordination.k8s.io/v1', name: 'Lease', plural: 'leases' };

/** Returns the path of a list of objects, or of one. @param place.namespace undefined for objects of the cluster, or for all namespaces */
export function pathOf<T extends KubeObject>(
  { apiVersion, plural }: Kind<T>,
  { namespace, name, subresource }: { namespace?: string | undefined; name?: string; subresource?: string } = {},
): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${group}${place}/${plural}${object}${subresource === undefined ? '' : `/${subresource}`}`;
}
