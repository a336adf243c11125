/** A page that never learned whether its last attempts succeeded keeps the tokens of all of them. The server reads eight. */
const TOKENS_MAX = 8;

/** Where the tokens outlive a reload of the page, such as sessionStorage. */
export type TokenStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** The place of a player who has moved: URL of the host's endpoint, name of the game, and for how long a seat waits there. */
export type MovedTo = { readonly url: string; readonly game: string; readonly holdMs: number };

/**
 * The page's return tokens, the newest first. Each offer to the server brings a new token, which is valid once the page has a seat.
 * The page may lose the connection before it learns that. So it keeps the earlier tokens until it knows which one is valid.
 */
export class ReturnTokens {
  #list: string[];
  /** The token that was the last to be known as valid. */
  #valid: string | undefined;
  #place: MovedTo | undefined;
  readonly #key: string;
  readonly #storage: TokenStorage | undefined;

  /**
   * @param key name under which the tokens are stored. Pages of different games need different names.
   * @param storage undefined to forget the tokens when the page is closed
   */
  constructor(key: string, storage: TokenStorage | undefined) {
    this.#key = key;
    this.#storage = storage;
    const [list, place] = attempt(() => storage?.getItem(key)?.split('\n')) ?? [];
    this.#list = list?.split(',') ?? [];
    this.#valid = this.#list[0];
    this.#place = attempt(() => readPlace(place));
  }

  get list(): readonly string[] {
    return this.#list;
  }

  /** Where the seat is that the tokens are for, if the player has moved. */
  get place(): MovedTo | undefined {
    return this.#place;
  }

  /** Forgets all tokens except that of the seat to which the player has moved. */
  move(token: string, place: MovedTo): void {
    this.#place = place;
    this.#valid = token;
    this.#keep([token]);
  }

  /** Adds tokens that the server has sent, the most important first. Those that it sent long ago are forgotten. */
  add(...tokens: string[]): void {
    this.#keep([...new Set([...tokens, ...this.#list])].slice(0, TOKENS_MAX));
  }

  /** Forgets all tokens except one that is known to be valid, and the one before it: a host that crashes may not have kept the newest yet. */
  settle(token: string): void {
    const former = this.#valid;
    this.#valid = token;
    this.#keep(former === undefined || former === token ? [token] : [token, former]);
  }

  clear(): void {
    this.#place = this.#valid = undefined;
    this.#keep([]);
  }

  #keep(list: string[]): void {
    this.#list = list;
    attempt(() => {
      const place = this.#place ? `\n${JSON.stringify(this.#place)}` : '';
      if (list.length > 0) this.#storage?.setItem(this.#key, list.join(',') + place);
      else this.#storage?.removeItem(this.#key);
    });
  }
}

/** Reads a place that an earlier version of the page may have written. */
function readPlace(text = 'null'): MovedTo | undefined {
  const { url, game, holdMs } = JSON.parse(text) as Record<keyof MovedTo, unknown>;
  if (typeof url !== 'string' || typeof game !== 'string') return undefined;
  return { url, game, holdMs: Number(holdMs) || 0 };
}

/** Uses the storage, which browsers may forbid or limit. The page then works until it is reloaded. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
