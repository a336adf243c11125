import type { HOST_STAGES } from './stages.ts';
import type { Milli } from './time.ts';

/** Facts about what a span covers. Nothing in them identifies a player. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** The names of a trace and of one of its spans (W3C Trace Context): 32 and 16 hexadecimal digits. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** A piece of work that is traced. After its end, calls have no effect. */
export interface Span {
  /** undefined if nothing is traced, and after the end of the trace. */
  readonly ids: SpanIds | undefined;
  /** Begins a part of this work. @param at when it began; now by default */
  child(name: string, options?: { at?: Milli; attributes?: Attributes }): Span;
  set(name: string, value: string | number | boolean): void;
  /** Marks the work as failed. @param code error code, or another short name of the reason */
  fail(code: string): void;
  /** @param at when the work ended; now by default */
  end(at?: Milli): void;
}

export interface TraceOptions {
  /** The span of another program that asked for the work. */
  parent?: SpanIds | undefined;
  kind?: 'server' | 'client' | 'producer' | 'internal';
  at?: Milli;
  attributes?: Attributes;
  /** Whether the trace is kept, whatever its outcome. */
  isKept?: boolean;
  /** A trace that takes longer than this is kept. */
  slowMs?: number;
}

/** Begins traces. */
export interface Tracer {
  begin(name: string, options?: TraceOptions): Span;
}

/** The span of work that is not traced. */
export const NO_SPAN: Span = Object.freeze({ ids: undefined, child: () => NO_SPAN, set() {}, fail() {}, end() {} });

/** The tracer of a process that traces nothing. */
export const NO_TRACER: Tracer = Object.freeze({ begin: () => NO_SPAN });

/** A picture that was sent, with the time in milliseconds that it took in each stage of the host. */
export interface TracedFrame {
  readonly endedAt: Milli;
  readonly stages: Readonly<Record<(typeof HOST_STAGES)[number], number>>;
  readonly attributes: Attributes;
}

/** Takes the pictures of a room that an operator wants to have traced. */
export interface FrameTap {
  /** Whether the next picture is wanted. */
  readonly isOpen: boolean;
  add(frame: TracedFrame): void;
}

/** The tap of a room whose pictures are never traced. */
export const NO_TAP: FrameTap = Object.freeze({ isOpen: false, add() {} });

// W3C Trace Context, 3.2: version, trace id, parent id and flags. Later versions may add fields at the end.
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}(?:$|(?<!^00.*)-)/;
const TRACEPARENT_CHARACTERS_MAX = 512;

/** Parses the header `traceparent`; undefined if it is missing or not valid. */
export function readTraceparent(text: string | string[] | undefined): SpanIds | undefined {
  if (typeof text !== 'string' || text.length > TRACEPARENT_CHARACTERS_MAX) return undefined;
  const [, traceId, spanId] = TRACEPARENT.exec(text) ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}

/**
 * Writes the header `traceparent`. The flag says that the span is recorded: whether the trace is kept is known at its end.
 */
export function writeTraceparent({ traceId, spanId }: SpanIds): string {
  return `00-${traceId}-${spanId}-01`;
}
