import { MIXED_CONTENT } from './obstacles.ts';
import type { LinkFailure } from './refusal.ts';

/** Names of this computer, which browsers let pages of secure sites reach without HTTPS (Secure Contexts, 3.1). */
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;
/** How long the page looks for the reason of a request that failed. */
const EXPLAIN_MS = 2500;

/**
 * Finds out why a request for a connection got no answer that the page may read. Browsers tell pages of other sites nothing: a server
 * that refuses the site looks like one that is gone.
 * @param url URL of the WHEP signalling endpoint
 */
export async function explainSilence(
  url: string,
  signal: AbortSignal,
  { SILENT, readRefusal }: Pick<typeof import('./refusal.ts'), 'SILENT' | 'readRefusal'>,
): Promise<LinkFailure> {
  const page = globalThis.location;
  if (!page || !URL.canParse(url, page.href)) return SILENT;
  const host = new URL(url, page.href);
  if (host.origin === page.origin) return SILENT;
  if (page.protocol === 'https:' && host.protocol === 'http:' && !LOOPBACK.test(host.hostname))
    return {
      code: 'NL_REQUEST',
      message: MIXED_CONTENT,
      isFinal: true,
    };
  const ask = (mode: RequestMode) =>
    fetch(`${url}/line`, {
      mode,
      cache: 'no-store',
      signal: AbortSignal.any([signal, AbortSignal.timeout(EXPLAIN_MS)]),
    });
  try {
    const answer = await ask('cors');
    if (answer.status === 204) return SILENT;
    const failure = await readRefusal(answer);
    return failure.isFinal ? SILENT : failure;
  } catch {
    // Nearlight's server lets every site read this answer.
  }
  try {
    await ask('no-cors');
  } catch {
    return SILENT;
  }
  return { code: 'NL_ANSWER', message: 'Something else than a game server answered.', isFinal: false, isLasting: true };
}
