import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** A span as a receiver of OTLP gets it. Times are nanoseconds since 1970. */
export interface ReceivedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentId: string;
  /** 1: internal, 2: server, 4: producer. */
  kind: number;
  startNanos: bigint;
  endNanos: bigint;
  attributes: Record<string, unknown>;
  /** 0: unset, 2: error. */
  status: number;
  failure: string;
}

export interface TraceReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Attributes of the program that sent the spans. */
  readonly resource: Record<string, unknown>;
  readonly requests: { path: string; contentType: string; headers: Record<string, unknown> }[];
  /** The HTTP status with which it answers from now on; `cut` for no answer. */
  answer: number | 'cut';
  /** Its remarks about the spans, or other bytes in place of its answer; undefined if it has taken all. */
  partial: { rejectedSpans?: number; errorMessage?: string } | Buffer | undefined;
  close(): Promise<void>;
}

interface KeyValue {
  key: string;
  value: { stringValue?: string; boolValue?: boolean; intValue?: string; doubleValue?: number };
}

interface SpanMessage {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: KeyValue[];
  status?: { message?: string; code?: number };
}

interface Message {
  resourceSpans: { resource: { attributes: KeyValue[] }; scopeSpans: { spans: SpanMessage[] }[] }[];
}

const root = await protobuf.load(join(import.meta.dirname, 'traces.proto'));
const type = root.lookupType('ExportTraceServiceRequest');
const answerType = root.lookupType('ExportTraceServiceResponse');

/** Starts a receiver of traces over OTLP as protobuf in HTTP (opentelemetry.io/docs/specs/otlp). */
export async function startTraceReceiver(): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  const resource: Record<string, unknown> = {};
  const requests: TraceReceiver['requests'] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (receiver.answer === 'cut') {
      request.socket.destroy();
      return;
    }
    const { url: path = '', headers } = request;
    requests.push({ path, contentType: headers['content-type'] ?? '', headers });
    if (receiver.answer === 200) {
      const found = decode(Buffer.concat(chunks));
      for (const { resource: about, scopeSpans } of found.resourceSpans) {
        Object.assign(resource, plain(about.attributes));
        spans.push(...scopeSpans.flatMap((scope) => scope.spans.map(toSpan)));
      }
    }
    const { answer, partial } = receiver;
    const body = Buffer.isBuffer(partial) ? partial : answerType.encode({ partialSuccess: partial }).finish();
    response.writeHead(answer, { 'content-type': 'application/x-protobuf' }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const receiver: TraceReceiver = {
    url: `http://127.0.0.1:${port}`,
    spans,
    resource,
    requests,
    answer: 200,
    partial: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

function decode(body: Buffer): Message {
  return type.toObject(type.decode(body), { longs: String, bytes: String }) as Message;
}

function plain(attributes: readonly KeyValue[] = []): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, boolValue, intValue, doubleValue } }) => [
      key,
      stringValue ?? boolValue ?? (intValue === undefined ? doubleValue : Number(intValue)),
    ]),
  );
}

function toSpan(span: SpanMessage): ReceivedSpan {
  const hex = (base64 = '') => Buffer.from(base64, 'base64').toString('hex');
  return {
    name: span.name,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentId: hex(span.parentSpanId),
    kind: span.kind,
    startNanos: BigInt(span.startTimeUnixNano),
    endNanos: BigInt(span.endTimeUnixNano),
    attributes: plain(span.attributes),
    status: span.status?.code ?? 0,
    failure: span.status?.message ?? '',
  };
}
