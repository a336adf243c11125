import {
  type Attributes,
  NO_TRACER,
  readTraceparent,
  type Span,
  type SpanIds,
  type Tracer,
  writeTraceparent,
} from '../../base/trace.ts';
import { codeOf } from '../../base/trace-context.ts';
import type { SendableEvent } from '../store/outbox.ts';

/** The fate of events, as a sink tells it. */
interface Fate {
  readonly kind: 'accepted' | 'refused' | 'failed';
  readonly reason?: string;
}

/** A reason is cut to this length in a span. */
const REASON_CHARACTERS_MAX = 200;

export interface SendTracesOptions {
  tracer?: Tracer | undefined;
  /** Attributes of all requests of the sink. */
  attributes: Attributes;
  /** `client` if the sink answers itself, `producer` if it passes events on. */
  kind: 'client' | 'producer';
}

/**
 * Traces the requests of a sink. Each traced event gets a span in its own trace, which begins where the event came about. A sink that
 * cannot be reached for hours fails thousands of times, so only the first failure in a row keeps its traces.
 */
export class SendTraces {
  readonly #tracer: Tracer;
  readonly #options: SendTracesOptions;
  #isFailing = false;

  constructor(options: SendTracesOptions) {
    this.#tracer = options.tracer ?? NO_TRACER;
    this.#options = options;
  }

  /**
   * Sends events.
   * @param work gets the `traceparent` of the request, which is that of its first traced event
   * @throws what `work` throws
   */
  async trace<T extends Fate>(
    events: readonly SendableEvent[],
    work: (traceparent: string | undefined) => Promise<T>,
  ): Promise<T> {
    if (this.#tracer === NO_TRACER) return work(undefined);
    const spans = events.flatMap(({ type, traceparent }) => {
      const parent = readTraceparent(traceparent ?? undefined);
      return parent ? [this.#begin(type, { parent, events: events.length })] : [];
    });
    const ids = spans.find((span) => span.ids)?.ids;
    const end = ({ kind, reason }: Fate) => {
      for (const span of spans) {
        if (reason !== undefined) span.set('nearlight.reason', reason.slice(0, REASON_CHARACTERS_MAX));
        if (kind === 'refused' || (kind === 'failed' && !this.#isFailing)) span.fail(kind);
        span.end();
      }
      // A failure whose events were not traced has left no trace.
      if (kind !== 'failed') this.#isFailing = false;
      else if (spans.length > 0) this.#isFailing = true;
    };
    try {
      const outcome = await work(ids && writeTraceparent(ids));
      end(outcome);
      return outcome;
    } catch (error) {
      end({ kind: 'failed', reason: codeOf(error) });
      throw error;
    }
  }

  #begin(type: string, { parent, events }: { parent: SpanIds; events: number }): Span {
    const { attributes, kind } = this.#options;
    return this.#tracer.begin('send', {
      parent,
      kind,
      // Names of OpenTelemetry's semantic conventions for messages and CloudEvents.
      attributes: {
        ...attributes,
        'messaging.operation.type': 'send',
        'messaging.batch.message_count': events,
        'cloudevents.event_type': type,
      },
    });
  }
}
