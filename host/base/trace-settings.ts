import type { Setting } from './setting.ts';

/** The settings of traces (host/ARCHITECTURE.md, "How work is traced"). */
export const traceSettings = {
  otlpEndpoint: {
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    default: '',
    form: 'serviceUrl',
    about: 'URL of a receiver of traces over OTLP, such as http://127.0.0.1:4318; empty: nothing is traced',
  },
  tracePercent: {
    env: 'TRACE_PERCENT',
    default: 1,
    min: 0,
    max: 100,
    about: 'percent of the traces that are kept in addition to those of errors, of refused joins and of slow joins',
  },
  traceSlowJoinMs: {
    env: 'TRACE_SLOW_JOIN_MS',
    default: 1000,
    min: 1,
    max: 600_000,
    about: 'a join that takes longer than this is slow, and its trace is kept',
  },
  traceSpansMax: {
    env: 'TRACE_SPANS_MAX',
    default: 4096,
    min: 64,
    max: 1_000_000,
    about: 'spans that wait for the receiver of traces; if there are more, the oldest are dropped and counted',
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
