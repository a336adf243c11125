import { errors } from '../base/errors.ts';
import type { Notice } from '../base/protocol.ts';
import type { PageConnection } from './connection.ts';
import type { KeptSeat, Returns } from './returns.ts';

/** A page has this time to find a place on another server before the connection here is closed. */
const LEAVE_MS_MAX = 3000;
/** Pages without a seat come back after this time. */
const RETRY_MS = 250;

/** A page's way to another server: the notice that sends it there, and its carry ticket if it has one. */
export interface Onward {
  readonly notice: Notice & { kind: 'moved' };
  readonly ticket: string | undefined;
}

const ENDED = {
  kind: 'ended',
  code: 'NL_DRAINING',
  message: errors.NL_DRAINING.text,
  retry: true,
  afterMs: RETRY_MS,
} as const satisfies Notice;

/** Sends all pages to another server. Resolves when they have left, after LEAVE_MS_MAX at the latest. */
export async function sendPagesOn(
  { connections, returns }: { connections: ReadonlyMap<string, PageConnection>; returns: Pick<Returns, 'seatOf'> },
  onwardOf: (seat: KeptSeat) => Onward,
): Promise<void> {
  await Promise.all(
    [...connections].map(([id, connection]) => {
      const seat = returns.seatOf(id);
      if (!seat) return connection.finish(ENDED, 'shutdown');
      const { notice, ticket } = onwardOf(seat);
      return connection.sendOn(notice, ticket, LEAVE_MS_MAX);
    }),
  );
}
