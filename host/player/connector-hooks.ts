import type { Link, LinkFailure } from './link.ts';
import type { TokenSource } from './token-source.ts';

export type ConnectorHooks = {
  /** Returns the player's token. */
  token?: TokenSource | undefined;
  /** Called when an attempt to connect begins. `attempt` counts from 1. */
  trying(attempt: number): void;
  /** Called when an attempt has failed for the given reason. The next one, number `attempt`, follows unless this calls `stop`. */
  failing(failure: LinkFailure, attempt: number): void;
  /** Called with the page's position in the queue for a seat: 1 is the next. */
  waiting(position: number): void;
  /** Called when a connection is open. It is the caller's from then on. */
  opened(link: Link): void;
  /** Called when no attempt can succeed. */
  refused(failure: LinkFailure): void;
  /** Called for each message of a connection that was opened. */
  message(link: Link, data: ArrayBuffer): void;
  /** Called when a connection that was opened has ended. */
  lost(link: Link, failure: LinkFailure): void;
  /** Called when the server answers after `look`, while no attempt to connect is being made. */
  answering(): void;
};
