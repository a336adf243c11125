import type { Notice } from '../../host/base/protocol.ts';
import { sleep } from '../wait.ts';
import { Peer, until } from './peer.ts';

/** Pause of a page between two attempts to find another server. */
const RETRY_MS = 150;
/** Answers after which a page tries again: no server there yet, one that ends too, or one without a free seat. */
const PASSING = /NL_DRAINING|NL_ROOM_FULL|NL_ROOM_ENDED|NL_SHUTDOWN|NL_OFFER_RATE|fetch failed/;

/** A page without a browser whose server ends, and which goes on at another one as a browser's page does. */
export interface Carried {
  readonly peer: Peer;
  readonly joined: Notice & { kind: 'joined' };
  /** Number of attempts that it took. */
  readonly attempts: number;
}

/** The notice that sends a page to another server, and its carry ticket. */
export async function sentOn(peer: Peer): Promise<{ moved: Notice & { kind: 'moved' }; ticket: string }> {
  const moved = await until(() => peer.notices.find((notice) => notice.kind === 'moved'), 'the notice "moved"');
  const ticket = peer.notices.flatMap((notice) => (notice.kind === 'carry' ? [notice.part] : [])).join('');
  return { moved, ticket };
}

/**
 * Goes on elsewhere, once the server says so.
 * @param url the address of the page, unless the server names another one
 * @param address the page's own address
 */
export async function carryOn(former: Peer, url: string, query = '', address = '127.0.0.1'): Promise<Carried> {
  const { moved, ticket } = await sentOn(former);
  const tokens = [moved.token, former.token.split(',')[0]].filter(Boolean).join(',');
  const at = moved.url?.replace(/whep$/, '') ?? url;
  for (let attempts = 1; ; attempts++) {
    const peer = new Peer({ address });
    try {
      const joined = await peer.join(at, { query, tokens, alone: true, ...(ticket === '' ? {} : { carry: ticket }) });
      peer.beat();
      former.close();
      return { peer, joined, attempts };
    } catch (error) {
      peer.close();
      if (!PASSING.test(String(error))) throw error;
    }
    await sleep(RETRY_MS * (0.5 + Math.random()));
  }
}
