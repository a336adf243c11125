/** A page that never learned whether its last attempts succeeded keeps the tokens of all of them. The server reads eight. */
const TOKENS_MAX = 8;

/** Where the tokens outlive a reload of the page, such as sessionStorage. */
export type TokenStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/**
 * The page's return tokens, the newest first. Each offer to the server brings a new token, which is valid once the page has a seat.
 * The page may lose the connection before it learns that. So it keeps the earlier tokens until it knows which one is valid.
 */
export class ReturnTokens {
  #list: string[];
  readonly #key: string;
  readonly #storage: TokenStorage | undefined;

  /**
   * @param key name under which the tokens are stored. Pages of different games need different names.
   * @param storage undefined to forget the tokens when the page is closed
   */
  constructor(key: string, storage: TokenStorage | undefined) {
    this.#key = key;
    this.#storage = storage;
    this.#list = attempt(() => storage?.getItem(key)?.split(',')) ?? [];
  }

  get list(): readonly string[] {
    return this.#list;
  }

  /** Adds tokens that the server has sent, the most important first. Those that it sent long ago are forgotten. */
  add(...tokens: string[]): void {
    this.#keep([...new Set([...tokens, ...this.#list])].slice(0, TOKENS_MAX));
  }

  /** Forgets all tokens except one, which is known to be valid. */
  settle(token: string): void {
    this.#keep([token]);
  }

  clear(): void {
    this.#keep([]);
  }

  #keep(list: string[]): void {
    this.#list = list;
    attempt(() => {
      if (list.length > 0) this.#storage?.setItem(this.#key, list.join(','));
      else this.#storage?.removeItem(this.#key);
    });
  }
}

/** Uses the storage, which browsers may forbid or limit. The page then works until it is reloaded. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
