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

/** Refusals of the server that last until its operator or the player does something, so the page says which one it is. */
const LASTING = /^NL_(ORIGIN|HOST|ISSUER|ACCOUNT_FULL|POLICY_DOWN|EDGE)$/;
/** Nothing is known but that the server does not answer. */
export const SILENT: LinkFailure = { code: 'NL_CONNECTION', message: 'The server does not answer.', isFinal: false };

/** Reads why the server refused a request. If something else answered in the server's place, only the HTTP status is known. */
export async function readRefusal(response: Response): Promise<LinkFailure> {
  const { status } = response;
  const body: { code?: unknown; message?: unknown } = await response.json().catch(() => ({}));
  const { code, message } = body ?? {};
  if (typeof code !== 'string' || typeof message !== 'string') return foreignAnswer(status);
  const prefix = `${code}: `;
  const isLasting = LASTING.test(code);
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
  // A proxy gives such an answer while the server behind it starts.
  const isLasting = status < 500 || status === 511;
  const message = isLasting ? 'Something else than a game server answered.' : 'The server is not ready yet.';
  return { code: 'NL_ANSWER', message, isFinal: false, isLasting, status };
}
