import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { VERSION } from '../../base/version.ts';
import type { Rejection, SpanExporter } from './queue.ts';
import type { EndedSpan } from './span.ts';

/** The path of traces below the endpoint (OpenTelemetry Protocol Exporter, "Endpoint URLs for OTLP/HTTP"). */
const PATH = 'v1/traces';
/** The exporter tries again within this time, and then gives a request up. */
const TIMEOUT_MS = 5000;
/** A reason of a receiver is cut to this length. */
const REASON_CHARACTERS_MAX = 200;

/** A receiver that keeps a request alive byte by byte has this long for it. */
const WHOLE_MS_MAX = 2 * TIMEOUT_MS;
/** Requests that may be on their way, if one of them takes longer than WHOLE_MS_MAX. */
const REQUESTS_MAX = 2;

/**
 * Opens an exporter that sends spans over OTLP, as protobuf in HTTP. It reads the variables OTEL_EXPORTER_OTLP_HEADERS and
 * OTEL_EXPORTER_OTLP_CERTIFICATE itself. OpenTelemetry's packages are loaded here, because hosts that trace nothing do without them.
 */
export async function openOtlp(endpoint: string): Promise<SpanExporter> {
  const [
    { convertLegacyHttpOptions, createOtlpHttpExportDelegate },
    { ProtobufTraceSerializer, TraceExporterMetricsHelper },
    { resourceFromAttributes },
    { SpanKind, SpanStatusCode, TraceFlags },
  ] = await Promise.all([
    import('@opentelemetry/otlp-exporter-base/node-http'),
    import('@opentelemetry/otlp-transformer'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/api'),
  ]);
  const options = {
    url: `${endpoint.replace(/\/$/, '')}/${PATH}`,
    timeoutMillis: TIMEOUT_MS,
    concurrencyLimit: REQUESTS_MAX,
  };
  let answer: Answer = {};
  // OpenTelemetry's own exporter has the same parts, but tells no one which spans the receiver has refused.
  const exporter = createOtlpHttpExportDelegate(
    convertLegacyHttpOptions(options, 'TRACES', PATH, { 'Content-Type': 'application/x-protobuf' }),
    {
      serializeRequest: (spans: Exported[]) => ProtobufTraceSerializer.serializeRequest(spans),
      deserializeResponse: (data) => {
        answer = ProtobufTraceSerializer.deserializeResponse(data);
        return answer;
      },
    },
    'otlp_http_span_exporter',
    TraceExporterMetricsHelper,
    undefined,
  );
  const resource = resourceFromAttributes({
    'service.name': 'nearlight',
    'service.version': VERSION,
    'service.instance.id': randomBytes(8).toString('hex'),
    'host.name': hostname(),
  });
  const instrumentationScope = { name: 'nearlight', version: VERSION };
  const kinds = {
    server: SpanKind.SERVER,
    client: SpanKind.CLIENT,
    producer: SpanKind.PRODUCER,
    internal: SpanKind.INTERNAL,
  };
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
    async send(spans) {
      answer = {};
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      exporter.export(spans.map(convert), ({ code, error }) => {
        // ExportResultCode.SUCCESS
        if (code === 0) resolve();
        else reject(new Error(reasonOf(error)));
      });
      await within(promise);
      return rejectionIn(answer, spans.length);
    },
    close: () => within(exporter.shutdown()),
  };
}

type Exported = Parameters<(typeof ProtobufTraceSerializer)['serializeRequest']>[0][number];
type Answer = ReturnType<(typeof ProtobufTraceSerializer)['deserializeResponse']>;

/** Returns what a receiver says about spans that it has not taken, although it has taken others. */
function rejectionIn({ partialSuccess }: Answer, sent: number): Rejection | undefined {
  if (!partialSuccess) return undefined;
  const { rejectedSpans = 0, errorMessage = '' } = partialSuccess;
  const spans = Math.min(sent, rejectedSpans);
  return spans === 0 && errorMessage === ''
    ? undefined
    : { spans, reason: plainText(errorMessage) || 'without a reason' };
}

/** Waits for work of the exporter, but not for ever. */
async function within(work: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no whole answer within ${WHOLE_MS_MAX / 1000} s`)), WHOLE_MS_MAX);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: (Error & { code?: unknown }) | undefined): string {
  if (typeof error?.code === 'number') return `it answered with status ${error.code}`;
  return error ? plainText(error.message) : 'the receiver has refused them';
}

/** Returns a text from outside in one line of bounded length. */
function plainText(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, REASON_CHARACTERS_MAX);
}

/** Returns milliseconds as OpenTelemetry's pair of seconds and nanoseconds. */
function toHrTime(ms: number): [seconds: number, nanos: number] {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  return nanos === 1e9 ? [seconds + 1, 0] : [seconds, nanos];
}
