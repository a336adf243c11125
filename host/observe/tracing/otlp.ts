import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { VERSION } from '../../base/version.ts';
import type { SpanExporter } from './queue.ts';
import type { EndedSpan } from './span.ts';

/** The path of traces below the endpoint (OpenTelemetry Protocol Exporter, "Endpoint URLs for OTLP/HTTP"). */
const PATH = 'v1/traces';
/** The exporter tries again within this time, and then gives a request up. */
const TIMEOUT_MS = 5000;

/**
 * Opens an exporter that sends spans over OTLP, as protobuf in HTTP. It reads the variables OTEL_EXPORTER_OTLP_HEADERS and
 * OTEL_EXPORTER_OTLP_CERTIFICATE itself. OpenTelemetry's packages are loaded here, because hosts that trace nothing do without them.
 */
export async function openOtlp(endpoint: string): Promise<SpanExporter> {
  const [{ OTLPTraceExporter }, { resourceFromAttributes }, { SpanKind, SpanStatusCode, TraceFlags }] =
    await Promise.all([
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/api'),
    ]);
  const url = `${endpoint.replace(/\/$/, '')}/${PATH}`;
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: TIMEOUT_MS });
  const resource = resourceFromAttributes({
    'service.name': 'nearlight',
    'service.version': VERSION,
    'service.instance.id': randomBytes(8).toString('hex'),
    'host.name': hostname(),
  });
  const instrumentationScope = { name: 'nearlight', version: VERSION };
  const kinds = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, internal: SpanKind.INTERNAL };
  type Exported = Parameters<typeof exporter.export>[0][number];
  const convert = (span: EndedSpan): Exported => {
    const { traceId, spanId, parentId, hasRemoteParent, failure } = span;
    const context = (id: string, isRemote: boolean) => ({
      traceId,
      spanId: id,
      traceFlags: TraceFlags.SAMPLED,
      isRemote,
    });
    return {
      name: span.name,
      kind: kinds[span.kind],
      spanContext: () => context(spanId, false),
      ...(parentId === undefined ? {} : { parentSpanContext: context(parentId, hasRemoteParent) }),
      startTime: toHrTime(span.startedAt),
      endTime: toHrTime(span.endedAt),
      duration: toHrTime(span.endedAt - span.startedAt),
      status: failure === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: failure },
      attributes: failure === undefined ? span.attributes : { ...span.attributes, 'error.type': failure },
      links: [],
      events: [],
      ended: true,
      resource,
      instrumentationScope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  };
  return {
    send: (spans) =>
      new Promise((resolve, reject) => {
        exporter.export(spans.map(convert), ({ code, error }) => {
          // ExportResultCode.SUCCESS
          if (code === 0) resolve();
          else reject(error ?? new Error('the receiver has refused them'));
        });
      }),
    close: () => exporter.shutdown(),
  };
}

/** Returns milliseconds as OpenTelemetry's pair of seconds and nanoseconds. */
function toHrTime(ms: number): [seconds: number, nanos: number] {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  return nanos === 1e9 ? [seconds + 1, 0] : [seconds, nanos];
}
