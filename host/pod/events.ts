import type { LogLevel } from '../engine/engine.ts';
import { encode, type Timestamp, timestamp } from './proto.ts';
import type { Supervisor } from './supervisor.ts';

const REFUSALS = ['EACCES', 'EINVAL'];
/** How many events for containerd may wait while containerd is down. Beyond that, the oldest are dropped. */
const WAITING_MAX = 1024;
const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;

/** Sends containerd events about containers, such as their start and exit. */
export interface Publisher {
  /** Queues an event. It is sent after all earlier ones, as soon as containerd can be reached. Never throws. */
  publish(type: string, event: object): void;
  /** Resolves when no event is waiting, or after `ms`. */
  flush(ms: number): Promise<void>;
}

/** An event, encoded as containerd.proto defines it. */
export interface Event {
  type: string;
  at: Timestamp;
  value: Uint8Array;
}

export interface PublisherOptions {
  /**
   * Sends containerd an event.
   * @throws Error with the code EACCES or EINVAL for an event that is refused for good; it is dropped, and any other is sent again
   */
  send(event: Event): Promise<void>;
  log(level: LogLevel, message: string): void;
}

/** Creates a publisher of events. While containerd restarts, events wait and keep their order. */
export function createPublisher({ send, log }: PublisherOptions): Publisher {
  const waiting: Event[] = [];
  let sending: Promise<void> | undefined;

  const sendAll = async () => {
    let retryMs = RETRY_MS;
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const error = await send(next).then(
        () => undefined,
        (error: NodeJS.ErrnoException) => error,
      );
      const isRefused = REFUSALS.includes(error?.code ?? '');
      if (isRefused) log('error', `containerd's event ${next.type} is not sent: ${error?.message}`);
      if (!error || isRefused) {
        // The queue may have dropped its oldest event meanwhile.
        if (waiting[0] === next) waiting.shift();
        retryMs = RETRY_MS;
      } else {
        await new Promise((resolve) => setTimeout(resolve, retryMs * (0.5 + Math.random())).unref());
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
    sending = undefined;
  };

  return {
    publish(type, event) {
      if (waiting.length === WAITING_MAX) waiting.shift();
      waiting.push({ type, at: timestamp(new Date()), value: encode(type, event) });
      sending ??= sendAll();
    },
    async flush(ms) {
      await Promise.race([sending, new Promise((resolve) => setTimeout(resolve, ms))]);
    },
  };
}

/** Has the supervisor send an event. It sends those about containers of its own pod only. */
export async function sendSupervised(supervisor: Pick<Supervisor, 'ask'>, { type, at, value }: Event): Promise<void> {
  await supervisor.ask('event', type, `${at.seconds}`, `${at.nanos}`, Buffer.from(value).toString('hex'));
}
