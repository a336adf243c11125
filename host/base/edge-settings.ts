import type { Setting } from './setting.ts';

/** The settings of what a node keeps and of what it tells the centre. */
export const edgeSettings = {
  edgeSocket: {
    env: 'EDGE_SOCKET',
    default: '',
    form: 'socket',
    about:
      'Unix socket of the edge service (nearlight edge), which then lets players in and keeps sessions and results for the hosts of its machine; empty: the host does that itself',
  },
  edgeMsMax: {
    env: 'EDGE_MS_MAX',
    default: 2000,
    min: 10,
    max: 60_000,
    about: 'time limit for one answer of the edge service',
  },
  edgeQueueMax: {
    env: 'EDGE_QUEUE_MAX',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    about:
      'reports of sessions and results that wait while the edge service does not answer; more are dropped and counted',
  },
  storeDir: {
    env: 'STORE_DIR',
    default: '',
    about: 'folder of the store of sessions, match results and events; empty: no store',
  },
  storeBytesMax: {
    env: 'STORE_BYTES_MAX',
    default: 2 ** 30,
    min: 2 ** 20,
    max: 2 ** 40,
    about: 'size limit of the store',
  },
  storeDaysMax: {
    env: 'STORE_DAYS_MAX',
    default: 30,
    min: 1,
    max: 3650,
    about: 'days for which the store keeps what was sent, or is not sent',
  },
  localStorage: {
    env: 'LOCAL_STORAGE',
    default: true,
    about: 'false: keep the store in memory and write nothing to STORE_DIR, so that it ends with the process',
  },
  checkpointSeconds: {
    env: 'CHECKPOINT_SECONDS',
    default: 5,
    min: 0,
    max: 3600,
    about:
      'seconds between two times at which the store keeps the state of a match, if the game saves one, so that the match goes on after a restart or a power cut; 0: never',
  },
  resumeSecondsMax: {
    env: 'RESUME_SECONDS_MAX',
    default: 600,
    min: 1,
    max: 86_400,
    about: 'seconds after which a kept match does not go on any more, and a new one begins',
  },
  offlineMode: {
    env: 'OFFLINE_MODE',
    default: true,
    about:
      'true: take new players also while the event sink cannot be reached; false: /readyz then answers that the host is not ready',
  },
  syncInterval: {
    env: 'SYNC_INTERVAL',
    default: '60s',
    form: 'duration',
    about: 'pause between two rounds of sending events, such as 60s or 5m',
  },
  sinkUrl: {
    env: 'SINK_URL',
    default: '',
    form: 'url',
    about: 'URL to which events are posted as CloudEvents; empty: events stay in the store',
  },
  sinkToken: { env: 'SINK_TOKEN', default: '', about: 'bearer token for SINK_URL; empty: none' },
  sinkSubject: {
    env: 'SINK_SUBJECT',
    default: '',
    form: 'subject',
    about:
      'subject of NATS under which events are published to JetStream over NATS_URL, such as nearlight.events, followed by their type; a stream must take them; empty: none',
  },
  sinkBatchMax: {
    env: 'SINK_BATCH_MAX',
    default: 1,
    min: 1,
    max: 1000,
    about: 'events in one request to SINK_URL; 1: each alone, because not every sink takes batches',
  },
  sinkEventsPerSecondMax: {
    env: 'SINK_EVENTS_PER_SECOND_MAX',
    default: 200,
    min: 1,
    max: 100_000,
    about: 'limit on the events per second to the sink, also after it could not be reached',
  },
  sinkMsMax: {
    env: 'SINK_MS_MAX',
    default: 10_000,
    min: 100,
    max: 60_000,
    about: 'time limit for a request to SINK_URL, and for the acknowledgement of JetStream',
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
