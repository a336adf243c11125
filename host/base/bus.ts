/** Messages between rooms of a game, and what a room says about its match (renderer/contract/ABI.md, "Other rooms"). */
import { TOPIC_LENGTH_MAX } from '../../renderer/contract/abi.ts';
import { Outage } from './outage.ts';

/** Topic of match results, which also go to an EventSink. */
export const RESULT_TOPIC = 'result';

/** Phase of a match, as its module has set it. */
export type Phase = 'waiting' | 'active' | 'ended';
export const PHASES: readonly Phase[] = ['waiting', 'active', 'ended'];

/** A message that a room gets from another room of the same game. */
export interface BusMessage {
  readonly topic: string;
  /** Number of the room that sent it. */
  readonly origin: bigint;
  readonly bytes: Uint8Array;
}

/** A command of a module that concerns the bus. `bytes` are a copy. */
export type BusRequest =
  | { readonly kind: 'emit'; readonly topic: string; readonly bytes: Uint8Array }
  | { readonly kind: 'subscribe'; readonly subscription: number; readonly topic: string }
  | { readonly kind: 'unsubscribe'; readonly subscription: number }
  | { readonly kind: 'receive'; readonly token: number; readonly address: number }
  | { readonly kind: 'phase'; readonly phase: Phase };

/** The place of one room on a bus. */
export interface BusPort {
  /** Number of the room, unique among all rooms on the bus. */
  readonly origin: bigint;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  /** Sends a message to the other rooms of the game. It never waits and never fails: what cannot be sent is counted. */
  emit(topic: string, bytes: Uint8Array): void;
  /** Takes the oldest message that has come; undefined if there is none. */
  take(): BusMessage | undefined;
  close(): void;
}

/** Carries messages between rooms. */
export interface Bus {
  /** @param game name of the game; only rooms of the same game hear each other */
  open(game: string): BusPort;
  close(): Promise<void>;
}

/** The result of a match, or of a part of it. */
export interface MatchResult {
  /** Stable and unique, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly game: string;
  /** Number of the room. */
  readonly origin: bigint;
  /** Number of ticks that the room had made. */
  readonly tick: number;
  readonly bytes: Uint8Array;
}

/** Keeps what must not be lost, such as the outbox of a store. */
export interface EventSink {
  /** Takes a result. A sink that cannot keep it throws; the match goes on. */
  record(result: MatchResult): void;
}

/**
 * Why a message was dropped: the module sends too many, the room's queue is full, there is no connection to other hosts or it
 * does not keep up, or another host has sent something that is not a message.
 */
export const BUS_DROPS = ['rate', 'queue', 'offline', 'slow', 'malformed'] as const;
export type BusDrop = (typeof BUS_DROPS)[number];

/** Counts messages, for the metrics of the host. */
export class BusCounts {
  /** Messages that modules have sent, without those dropped because of their rate. */
  emitted = 0;
  /** Messages that modules have got. */
  delivered = 0;
  /** Results that no sink could keep. */
  resultsLost = 0;
  /** The times without a connection to other hosts. */
  readonly outage = new Outage();
  readonly dropped = Object.fromEntries(BUS_DROPS.map((reason) => [reason, 0])) as Record<BusDrop, number>;
}

const TOPIC = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** Whether a text is a topic: words of a-z, 0-9, _ and -, joined by dots, of at most TOPIC_LENGTH_MAX characters. */
export function isTopic(text: string): boolean {
  return text.length <= TOPIC_LENGTH_MAX && TOPIC.test(text);
}
