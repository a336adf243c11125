import { encode, timestamp } from './proto.ts';
import { dial, type TtrpcClient } from './ttrpc.ts';

/** Events that wait while containerd is away; the oldest are dropped beyond it. */
const WAITING_MAX = 1024;
const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;

/** Tells containerd what happens to the tasks. */
export interface Publisher {
  /** Sends an event after all earlier ones, as soon as containerd can be reached. Never throws. */
  publish(topic: string, type: string, event: object): void;
  /** Resolves when nothing waits, or after `ms`. */
  flush(ms: number): Promise<void>;
}

/**
 * Publishes on containerd's ttrpc socket (service containerd.services.events.ttrpc.v1.Events). While containerd restarts,
 * events wait, and go out in order once it is back.
 */
export function createPublisher({ address, namespace }: { address: string; namespace: string }): Publisher {
  const waiting: Uint8Array[] = [];
  let client: TtrpcClient | undefined;
  let sending: Promise<void> | undefined;

  const send = async () => {
    let wait = RETRY_MS;
    while (waiting.length > 0) {
      try {
        client ??= await dial(address);
        await client.call('containerd.services.events.ttrpc.v1.Events', 'Forward', waiting[0]!);
        waiting.shift();
        wait = RETRY_MS;
      } catch {
        client?.close();
        client = undefined;
        await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random())).unref());
        wait = Math.min(wait * 2, RETRY_MS_MAX);
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
