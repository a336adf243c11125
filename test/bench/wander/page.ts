import type { Notice } from '../../../host/base/protocol.ts';
import { Peer } from '../../stream/peer.ts';
import { sleep } from '../../wait.ts';
import { type MortalHost, NAMES, type Name } from './hosts.ts';

const QUERY = '?size=160x90&fps=5';
const RETRY_MS = 100;
/** A page keeps as many tokens as the host reads. */
const TOKENS_MAX = 8;

/** A player's page without a browser, which follows its player from host to host and comes back after each loss, as a page does. */
export class Wanderer {
  /** The number that the game has given the player. */
  number = '';
  at: Name;
  seat = -1;
  readonly #hosts: Record<Name, MortalHost>;
  readonly #id: string;
  #tokens: string[] = [];
  #peer: Peer | undefined;
  #isBusy = true;
  #isGone = false;
  /** Number of the connections that were given up, by which an attempt notices that it is not wanted any more. */
  #turn = 0;

  constructor(hosts: Record<Name, MortalHost>, at: Name, id: number) {
    this.#hosts = hosts;
    this.at = at;
    this.#id = `wanderer-${id}`.padEnd(16, '-');
  }

  /** Whether the page has a seat, and knows of no other one that its player has. */
  get isSettled(): boolean {
    return !this.#isBusy;
  }

  /** Connects to the present host, again and again until that succeeds. */
  async connect(): Promise<void> {
    const turn = ++this.#turn;
    this.#isBusy = true;
    while (!this.#isGone && turn === this.#turn) {
      const peer = new Peer();
      try {
        const tokens = this.#tokens.join() || 'new';
        const { seat } = await peer.join(this.#hosts[this.at].url, { query: QUERY, tokens, page: this.#id });
        if (turn !== this.#turn || this.#isGone) return peer.close();
        this.#settle(peer, seat);
        return;
      } catch {
        // Whether the host knows the token that it has sent is not known.
        if (turn === this.#turn) this.#tokens = [...tokensOf(peer), ...this.#tokens].slice(0, TOKENS_MAX);
        peer.close();
        await sleep(RETRY_MS);
      }
    }
  }

  /** Connects again, because the host was killed. */
  lose(): Promise<void> {
    this.#peer?.close();
    this.#peer = undefined;
    return this.connect();
  }

  close(): void {
    this.#isGone = true;
    this.#peer?.close();
  }

  #settle(peer: Peer, seat: number): void {
    const former = this.#peer;
    // The host calls the token valid with which the page has come. It may not have kept the new one yet when it crashes.
    this.#tokens = tokensOf(peer);
    this.#peer = peer;
    this.seat = seat;
    this.#isBusy = false;
    peer.beat();
    void former?.leave().catch(() => former.close());
    void this.#watch(peer);
  }

  /** Follows the player when the host says so. */
  async #watch(peer: Peer): Promise<void> {
    while (peer === this.#peer && !this.#isGone) {
      const notice = peer.notices.find(({ kind }) => kind === 'moved') as (Notice & { kind: 'moved' }) | undefined;
      if (!notice) {
        await sleep(5);
        continue;
      }
      this.at = NAMES.find((name) => notice.url?.startsWith(this.#hosts[name].url)) ?? this.at;
      this.#tokens = [notice.token];
      return this.connect();
    }
  }
}

function tokensOf(peer: Peer): string[] {
  return peer.token === '' ? [] : peer.token.split(',');
}
