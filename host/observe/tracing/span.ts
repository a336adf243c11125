import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Milli } from '../../base/time.ts';
import { type Attributes, NO_SPAN, type Span, type SpanIds, type TraceOptions } from '../../base/trace.ts';

/** A trace has at most this many spans. Work beyond them runs untraced, and is counted at the root. */
export const SPANS_PER_TRACE_MAX = 128;
const SPAN_ID_BYTES = 8;
const TRACE_ID_BYTES = 16;

/** A span that has ended. Times are milliseconds since 1970. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: NonNullable<TraceOptions['kind']>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly hasRemoteParent: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  /** Why the work failed; undefined if it did not. */
  readonly failure: string | undefined;
}

/** A trace whose root has ended. The first span is the root. */
export interface EndedTrace {
  readonly spans: readonly EndedSpan[];
  readonly isKept: boolean;
  readonly isFailed: boolean;
  readonly isSlow: boolean;
}

export interface TraceParts {
  clock: Pick<Clock, 'now'>;
  /** Milliseconds since 1970. */
  now(): number;
  onEnd(trace: EndedTrace): void;
}

/** The spans of one piece of work until its root ends. */
export class Trace {
  readonly id: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly #options: TraceOptions;
  readonly #onEnd: TraceParts['onEnd'];
  /** The time in 1970's milliseconds at the clock's 0. A change of the system's time does not tear a trace apart. */
  readonly #epochMs: number;
  readonly #spans: RecordedSpan[] = [];
  #left = 0;
  #isOver = false;

  constructor({ clock, now, onEnd }: TraceParts, options: TraceOptions) {
    this.clock = clock;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#epochMs = now() - clock.now();
    this.id = options.parent?.traceId ?? randomBytes(TRACE_ID_BYTES).toString('hex');
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Adds a span. The first one is the root. */
  add(name: string, options: TraceOptions, parent?: RecordedSpan): Span {
    if (this.#isOver) return NO_SPAN;
    if (this.#spans.length >= SPANS_PER_TRACE_MAX) {
      this.#left++;
      return NO_SPAN;
    }
    const span = new RecordedSpan(this, { name, options, parentId: parent?.spanId ?? options.parent?.spanId });
    this.#spans.push(span);
    return span;
  }

  /** Notes the end of a span. With the root, all spans end that are still open. */
  finish(span: RecordedSpan, at: Milli): void {
    const [root] = this.#spans;
    if (span !== root) return;
    if (this.#left > 0) root.leaveOut(this.#left);
    for (const open of this.#spans) open.end(at);
    this.#isOver = true;
    const { isKept = false, slowMs = Number.POSITIVE_INFINITY } = this.#options;
    const spans = this.#spans.map((each) => each.ended(this.#epochMs, this.#options.parent?.spanId));
    this.#spans.length = 0;
    this.#onEnd({
      spans,
      isKept,
      isFailed: spans.some(({ failure }) => failure !== undefined),
      isSlow: at - root.startedAt > slowMs,
    });
  }
}

interface SpanParts {
  name: string;
  options: TraceOptions;
  parentId: string | undefined;
}

class RecordedSpan implements Span {
  readonly startedAt: Milli;
  readonly #ids: SpanIds;
  readonly #trace: Trace;
  readonly #parts: SpanParts;
  readonly #attributes: Record<string, string | number | boolean>;
  #failure: string | undefined;
  #endedAt: Milli | undefined;

  constructor(trace: Trace, parts: SpanParts) {
    const { at = trace.clock.now(), attributes = {} } = parts.options;
    this.#trace = trace;
    this.#parts = parts;
    this.#ids = { traceId: trace.id, spanId: randomBytes(SPAN_ID_BYTES).toString('hex') };
    this.#attributes = { ...attributes };
    this.startedAt = at;
  }

  get spanId(): string {
    return this.#ids.spanId;
  }

  get ids(): SpanIds | undefined {
    return this.#trace.isOver ? undefined : this.#ids;
  }

  child(name: string, options: { at?: Milli; attributes?: Attributes } = {}): Span {
    return this.#trace.add(name, options, this);
  }

  set(name: string, value: string | number | boolean): void {
    if (this.#endedAt === undefined) this.#attributes[name] = value;
  }

  /** Notes how many spans the trace lacks. */
  leaveOut(spans: number): void {
    this.#attributes['nearlight.spans_left_out'] = spans;
  }

  fail(code: string): void {
    if (this.#endedAt === undefined) this.#failure ??= code;
  }

  end(at: Milli = this.#trace.clock.now()): void {
    if (this.#endedAt !== undefined) return;
    this.#endedAt = at;
    this.#trace.finish(this, at);
  }

  /** Returns the span as it is sent. @param remoteId the span of another program that asked for the work */
  ended(epochMs: number, remoteId: string | undefined): EndedSpan {
    const { name, options, parentId } = this.#parts;
    return {
      name,
      kind: options.kind ?? 'internal',
      ...this.#ids,
      parentId,
      hasRemoteParent: parentId !== undefined && parentId === remoteId,
      startedAt: epochMs + this.startedAt,
      endedAt: epochMs + (this.#endedAt ?? this.startedAt),
      attributes: this.#attributes,
      failure: this.#failure,
    };
  }
}
