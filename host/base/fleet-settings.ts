import type { Setting } from './setting.ts';

/** The settings of `nearlight fleet`, and of hosts and edge services that belong to a fleet. */
export const fleetSettings = {
  fleetKeys: {
    env: 'FLEET_KEYS',
    default: '',
    form: 'fleetKeys',
    about:
      'public keys of the fleet, as nearlight fleet --key prints them, separated by commas; new players then need a ticket that it has signed; empty: they need none',
  },
  podUid: {
    env: 'POD_UID',
    default: '',
    form: 'podUid',
    about:
      "id of the host's pod, for which tickets of FLEET_KEYS are made; the pods of a node know theirs by themselves",
  },
  fleetUrl: {
    env: 'FLEET_URL',
    default: '',
    form: 'serviceUrl',
    about: 'URL of the fleet, to which the edge service reports the pods of its node each second; empty: none',
  },
  fleetNodeToken: {
    env: 'FLEET_NODE_TOKEN',
    default: '',
    form: 'nodeToken',
    about: 'secret of 16 characters or more that the fleet and the edge services of its nodes share',
  },
  nodeName: {
    env: 'NODE_NAME',
    default: '',
    form: 'objectName',
    about: 'name of the node in Kubernetes, for FLEET_URL',
  },
  fleetPort: {
    env: 'FLEET_PORT',
    default: 8090,
    min: 0,
    max: 65_535,
    about: 'HTTP port of the fleet; 0: any free port',
  },
  fleetHost: { env: 'FLEET_HOST', default: '127.0.0.1', about: 'address of FLEET_PORT' },
  fleetKeyFile: {
    env: 'FLEET_KEY_FILE',
    default: '',
    about: 'file with the private key with which the fleet signs tickets, as nearlight fleet --key makes it',
  },
  fleetNamespace: {
    env: 'FLEET_NAMESPACE',
    default: 'nearlight',
    form: 'objectName',
    about: 'namespace of the pods that the fleet gives to players',
  },
  fleetSelector: {
    env: 'FLEET_SELECTOR',
    default: '',
    about: 'label selector of these pods, such as app.kubernetes.io/part-of=nearlight; empty: all of the namespace',
  },
  fleetLeaseNamespace: {
    env: 'FLEET_LEASE_NAMESPACE',
    default: 'nearlight-fleet',
    form: 'objectName',
    about: 'namespace of the Lease by which the replicas of the fleet agree on a leader',
  },
  fleetSelf: {
    env: 'FLEET_SELF',
    default: '',
    form: 'serviceUrl',
    about: 'URL at which the other replicas of the fleet reach this one; empty: the address at which it listens',
  },
  fleetAddress: {
    env: 'FLEET_ADDRESS',
    default: 'http://{ip}:8080/',
    form: 'addressPattern',
    about:
      "URL of a pod's page, with {ip}, {pod} and {node} in place of its address, its name and its node; the annotation nearlight/address of a pod takes precedence",
  },
  fleetTicketMsMax: {
    env: 'FLEET_TICKET_MS_MAX',
    default: 30_000,
    min: 1000,
    max: 600_000,
    about: 'time for which a ticket of the fleet is valid and its seat is reserved',
  },
  fleetLatencyMsMax: {
    env: 'FLEET_LATENCY_MS_MAX',
    default: 80,
    min: 1,
    max: 10_000,
    about: 'round-trip time to a region up to which players are sent there',
  },
  fleetLatencySecondsMax: {
    env: 'FLEET_LATENCY_SECONDS_MAX',
    default: 300,
    min: 1,
    max: 86_400,
    about: 'age up to which round-trip times that pages have measured are used, in seconds',
  },
  fleetRegion: {
    env: 'FLEET_REGION',
    default: 'local',
    form: 'objectName',
    about: 'region of nodes without the label topology.kubernetes.io/region',
  },
  fleetRegions: {
    env: 'FLEET_REGIONS',
    default: '',
    form: 'regions',
    about:
      'fleets of other regions such as us=https://us.fleet.example/, to which requests are redirected whose players are too far from this one; separated by commas',
  },
  fleetQueueMax: {
    env: 'FLEET_QUEUE_MAX',
    default: 10_000,
    min: 0,
    max: 1_000_000,
    about: 'requests for seats that wait until there are some; more are refused; 0: none waits',
  },
  kubeUrl: {
    env: 'KUBE_URL',
    default: '',
    form: 'serviceUrl',
    about:
      "URL of the Kubernetes API, such as that of kubectl proxy; empty: the one of the cluster in which this process runs, with its pod's service account",
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
