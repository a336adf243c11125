/** Why a connection to the host ended. */
export type LinkFailure = {
  code: string;
  message: string;
  /** Whether another attempt to connect cannot succeed until the player changes something. */
  isFinal: boolean;
  /** Whether attempts fail until the operator of the server, of the site or of the network changes something. */
  isLasting?: boolean;
  /** HTTP status of an answer that another server than Nearlight's gave. */
  status?: number;
  /** Set if the server says when the page should connect again. */
  waitMs?: number;
};

/** Refusals of the server that last until its operator changes a setting. */
const LASTING_CODES = ['NL_ORIGIN', 'NL_HOST'];
/** Names of this computer, which browsers let pages of secure sites reach without HTTPS (Secure Contexts, 3.1). */
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;
/** How long the page looks for the reason of a request that failed. */
const EXPLAIN_MS = 2500;
const SILENT: LinkFailure = { code: 'NL_CONNECTION', message: 'The server does not answer.', isFinal: false };

/** Reads why the server refused a request. If something else answered in the server's place, only the HTTP status is known. */
export async function readRefusal(response: Response): Promise<LinkFailure> {
  const { status } = response;
  const body: { code?: unknown; message?: unknown } = await response.json().catch(() => ({}));
  const { code, message } = body ?? {};
  if (typeof code !== 'string' || typeof message !== 'string') return foreignAnswer(status);
  const prefix = `${code}: `;
  const isLasting = LASTING_CODES.includes(code);
  // Nearlight's server always sends Retry-After in seconds, never as a date.
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    code,
    message: message.startsWith(prefix) ? message.slice(prefix.length) : message,
    isFinal: status < 500 && status !== 429 && !isLasting,
    ...(isLasting ? { isLasting } : {}),
    ...(seconds >= 0 ? { waitMs: seconds * 1000 } : {}),
  };
}

/** Returns the failure for an answer that does not come from Nearlight's server. */
export function foreignAnswer(status: number): LinkFailure {
  const failure = { code: 'NL_ANSWER', message: meaningOf(status), isFinal: false, status };
  // A proxy gives such an answer while the server behind it starts.
  return status >= 500 && status !== 511 ? failure : { ...failure, isLasting: true };
}

/** Says in words what an answer means that does not come from Nearlight's server. The page has a translation of each. */
function meaningOf(status: number): string {
  if (status === 511 || status < 400)
    return 'Something else than a game server answered. If this network has a login page, log in there first.';
  if (status >= 500) return 'The server is not ready yet.';
  if (status === 404 || status === 405 || status === 410)
    return 'There is no game server at this address. The owner of this site can correct the address.';
  return 'A proxy or firewall refused this page. Its administrator can let the page pass.';
}

/**
 * Finds out why a request for a connection got no answer that the page may read. Browsers tell pages of other sites nothing: a server
 * that refuses the site looks like one that is gone.
 * @param url URL of the WHEP signalling endpoint
 */
export async function explainSilence(url: string, signal: AbortSignal): Promise<LinkFailure> {
  const page = globalThis.location;
  if (!page || !URL.canParse(url, page.href)) return SILENT;
  const host = new URL(url, page.href);
  if (host.origin === page.origin) return SILENT;
  if (page.protocol === 'https:' && host.protocol === 'http:' && !LOOPBACK.test(host.hostname))
    return {
      code: 'NL_REQUEST',
      message: 'A page with https cannot reach a server with http. The owner of this site can use an https address.',
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
  const message =
    'Something at this address answers, but no game server. The owner of this site can correct the address.';
  return { code: 'NL_ANSWER', message, isFinal: false, isLasting: true };
}
