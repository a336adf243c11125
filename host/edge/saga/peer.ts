import { NearlightError } from '../../base/errors.ts';
import type { MoveAnswer, MoveMessage } from './message.ts';

/** A host to which messages about moves go: another one, or this one. */
export interface Peer {
  /**
   * Sends a message and waits for the answer.
   * @param signal gives up a message that was not sent yet
   * @throws NearlightError if the host cannot be reached, or its answer cannot be used
   */
  ask(message: MoveMessage, signal: AbortSignal): Promise<MoveAnswer>;
}

/** Takes messages of other hosts. Never throws. @param from name of the host that has sent the message; '' for this one */
export type Handler = (message: MoveMessage, from: string) => Promise<MoveAnswer>;

/** Carries messages between two games of this host. */
export function localPeer(handle: Handler): Peer {
  return { ask: (message) => handle(message, '') };
}

/** Turns an error into the answer that another host gets. Only coded errors say why. */
export function refusalOf(error: unknown): MoveAnswer & { ok: false } {
  if (error instanceof NearlightError)
    return { ok: false, code: error.code, message: error.detail.slice(0, 1000) || 'no reason' };
  return { ok: false, code: 'NL_MOVE', message: 'the host failed' };
}
