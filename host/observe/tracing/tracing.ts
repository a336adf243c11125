import { type Clock, systemClock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import { NO_SPAN, NO_TRACER, type Span, type TraceOptions, type Tracer } from '../../base/trace.ts';
import type { Meters } from '../meters.ts';
import { FrameTaps } from './frames.ts';
import { openOtlp } from './otlp.ts';
import { type SpanExporter, SpanQueue } from './queue.ts';
import { isWorthKeeping } from './sampler.ts';
import { type EndedTrace, Trace } from './span.ts';

/** Largest number of traces whose work goes on. Further work is not traced, and counted. */
export const OPEN_MAX = 1024;

export interface TracingOptions {
  config: Pick<Config, 'otlpEndpoint' | 'tracePercent' | 'traceSpansMax'>;
  log: Log;
  meters: Pick<Meters, 'traces'>;
  /** Opens what sends spans; by default an exporter for OTLP. */
  open?(endpoint: string): Promise<SpanExporter>;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** The traces of a process. */
export interface Tracing {
  readonly tracer: Tracer;
  readonly taps: FrameTaps;
  /** Sends what waits, for some seconds at most. */
  close(): Promise<void>;
}

/** Traces work if the settings name a receiver of traces. Nothing is loaded or sent before the first trace is kept. */
export function openTracing(options: TracingOptions): Tracing {
  const { config, log, meters, open = openOtlp, clock = systemClock } = options;
  if (config.otlpEndpoint === '') return { tracer: NO_TRACER, taps: new FrameTaps(undefined), async close() {} };
  const queue = new SpanQueue({
    open: () => open(config.otlpEndpoint),
    spansMax: config.traceSpansMax,
    counts: meters.traces,
    log,
    clock,
  });
  const tracer = new HostTracer(queue, options);
  return { tracer, taps: new FrameTaps(tracer), close: () => queue.close() };
}

class HostTracer implements Tracer {
  readonly #queue: SpanQueue;
  readonly #options: TracingOptions;
  #open = 0;

  constructor(queue: SpanQueue, options: TracingOptions) {
    this.#queue = queue;
    this.#options = options;
  }

  begin(name: string, options: TraceOptions = {}): Span {
    const { meters, clock = systemClock, now = Date.now } = this.#options;
    if (this.#open >= OPEN_MAX) {
      meters.traces.untraced++;
      return NO_SPAN;
    }
    this.#open++;
    return new Trace({ clock, now, onEnd: (trace) => this.#decide(trace) }, options).add(name, options);
  }

  #decide(trace: EndedTrace): void {
    this.#open--;
    const { meters, config } = this.#options;
    if (isWorthKeeping(trace, config.tracePercent)) {
      meters.traces.kept++;
      this.#queue.add(trace.spans);
    } else meters.traces.leftOut++;
  }
}
