/** The names that players in this document have taken. */
const taken = new Set<string>();

/**
 * Takes the name under which a player keeps its tokens in the tab's storage. It contains the host's address, because a token
 * is a secret between a page and its host. Two players in one document get different names, or the one would take the other's
 * seat; after a reload they get the same ones in the same order.
 * @param url URL of the host's WHEP endpoint
 */
export function takeStorageName(url: string): { readonly name: string; release(): void } {
  const base = `nearlight ${location.pathname} ${url}`;
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base} ${number}`;
  taken.add(name);
  return { name, release: () => taken.delete(name) };
}

/** Returns a storage of the browser; undefined if it keeps nothing for this page. */
export function storageOf(name: 'localStorage' | 'sessionStorage'): Storage | undefined {
  try {
    return globalThis[name];
  } catch {
    return undefined;
  }
}
