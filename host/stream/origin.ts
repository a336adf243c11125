import type { IncomingMessage, ServerResponse } from 'node:http';
import { NearlightError } from '../base/errors.ts';
import { HEADER_HOLD, HEADER_PAGE, HEADER_RETURN, HEADER_TRACE } from '../base/protocol.ts';
import { readList } from '../base/setting.ts';

/** How long a browser may remember that another site's requests are allowed, in seconds. */
const PREFLIGHT_SECONDS = 86_400;

/** The sites whose pages may join games here: this server's own, and those in the setting ALLOWED_ORIGINS. */
export class AllowedOrigins {
  readonly #origins: ReadonlySet<string>;

  /** @param allowed the setting ALLOWED_ORIGINS */
  constructor(allowed: string) {
    this.#origins = new Set(readList(allowed.toLowerCase()));
  }

  /**
   * Refuses a request that a page of another site sent, and lets the pages of allowed sites read the answer. Browsers send
   * their page's origin with every POST, PATCH and DELETE. Their header Sec-Fetch-Site, which no page can change, tells even
   * behind a proxy that replaces the Host header whether page and server are one site.
   * @throws NearlightError NL_ORIGIN
   */
  check(request: IncomingMessage, response?: ServerResponse): void {
    const { origin, host } = request.headers;
    if (origin === undefined) return;
    response?.appendHeader('vary', 'origin');
    if (this.#allows(origin)) {
      response?.setHeader('access-control-allow-origin', origin);
      response?.setHeader(
        'access-control-expose-headers',
        `location, link, retry-after, ${HEADER_RETURN}, ${HEADER_HOLD}`,
      );
      // The answer is for the other site, which may itself be isolated from others.
      response?.setHeader('cross-origin-resource-policy', 'cross-origin');
      return;
    }
    if (request.headers['sec-fetch-site'] === 'same-origin') return;
    const sender = URL.canParse(origin) ? new URL(origin).host : '';
    if (sender !== '' && sender === host?.toLowerCase()) return;
    const advice =
      'a proxy before it must pass the Host header on, or ALLOWED_ORIGINS must name the origin of the page';
    throw new NearlightError('NL_ORIGIN', `open the game at the address of this server; ${advice}`);
  }

  /**
   * Lets pages of all sites read the answer. For a question whose answer only says whether the site may play here. Browsers hide
   * every other refusal from the page, which could not tell it from a server that is gone.
   */
  explain({ headers: { origin } }: IncomingMessage, response: ServerResponse): void {
    if (origin === undefined) return;
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('cross-origin-resource-policy', 'cross-origin');
  }

  /**
   * Lets the pages of allowed sites load a file. All others get it too, but their browsers keep it from them. The answer differs
   * by origin, so a cache must not give the answer to one site to another.
   */
  share({ headers: { origin } }: IncomingMessage, response: ServerResponse): void {
    response.appendHeader('vary', 'origin');
    if (origin === undefined || !this.#allows(origin)) return;
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('cross-origin-resource-policy', 'cross-origin');
  }

  #allows(origin: string): boolean {
    return this.#origins.has('*') || this.#origins.has(origin.toLowerCase());
  }
}

/** Answers OPTIONS, which a browser sends before a request of another site (Fetch, "CORS-preflight request"). */
export function answerPreflight(response: ServerResponse, methods: string): void {
  if (response.hasHeader('access-control-allow-origin')) {
    response.setHeader('access-control-allow-methods', methods);
    response.setHeader(
      'access-control-allow-headers',
      `content-type, authorization, ${HEADER_RETURN}, ${HEADER_PAGE}, ${HEADER_TRACE}`,
    );
    response.setHeader('access-control-max-age', PREFLIGHT_SECONDS);
  }
  response.writeHead(204, { allow: methods }).end();
}
