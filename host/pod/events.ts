import { encode, timestamp } from './proto.ts';
import type { TtrpcClient } from './ttrpc.ts';

const SERVICE = 'containerd.services.events.ttrpc.v1.Events';
/** How many events for containerd may wait while containerd is down. Beyond that, the oldest are dropped. */
const WAITING_MAX = 1024;
const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;

/** Sends containerd events about containers, such as their start and exit. */
export interface Publisher {
  /** Queues an event. It is sent after all earlier ones, as soon as containerd can be reached. Never throws. */
  publish(topic: string, type: string, event: object): void;
  /** Resolves when no event is waiting, or after `ms`. */
  flush(ms: number): Promise<void>;
}

export interface PublisherOptions {
  /** Connects to containerd's ttrpc socket. */
  connect(): Promise<TtrpcClient>;
  namespace: string;
}

/** Creates a publisher of events. While containerd restarts, events wait and keep their order. */
export function createPublisher({ connect, namespace }: PublisherOptions): Publisher {
  const waiting: Uint8Array[] = [];
  let client: TtrpcClient | undefined;
  let sending: Promise<void> | undefined;

  const send = async () => {
    let retryMs = RETRY_MS;
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      try {
        client ??= await connect();
        await client.call(SERVICE, 'Forward', next);
        // The queue may have dropped its oldest event meanwhile.
        if (waiting[0] === next) waiting.shift();
        retryMs = RETRY_MS;
      } catch {
        client?.close();
        client = undefined;
        await new Promise((resolve) => setTimeout(resolve, retryMs * (0.5 + Math.random())).unref());
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
    sending = undefined;
  };

  return {
    publish(topic, type, event) {
      const value = encode(type, event);
      const envelope = {
        timestamp: timestamp(new Date()),
        namespace,
        topic,
        event: { typeUrl: `containerd.events.${type}`, value },
      };
      if (waiting.length === WAITING_MAX) waiting.shift();
      waiting.push(encode('ForwardRequest', { envelope }));
      sending ??= send();
    },
    async flush(ms) {
      await Promise.race([sending, new Promise((resolve) => setTimeout(resolve, ms))]);
    },
  };
}
