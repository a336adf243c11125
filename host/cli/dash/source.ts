import { NearlightError } from '../../base/errors.ts';
import { parseMetrics, SCRAPE_BYTES_MAX, type Scrape } from '../../observe/exposition.ts';

/** A host that has not answered after this time counts as one that does not answer. */
const ANSWER_MS_MAX = 5000;

/**
 * Asks a host for its metrics.
 * @param at the time of the scrape, in milliseconds
 * @throws NearlightError NL_NO_HOST if nothing answers, NL_METRICS if something else than a host does
 */
export async function scrape(url: string, at: () => number): Promise<Scrape> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX), redirect: 'error' }).catch(
    (error) => {
      throw new NearlightError('NL_NO_HOST', `${url}: ${reasonOf(error)}; ${ADVICE}`, { cause: error });
    },
  );
  const time = at();
  const text = await readText(response).catch((error) => {
    if (error instanceof NearlightError) throw error;
    throw new NearlightError('NL_NO_HOST', `${url}: ${reasonOf(error)}; ${ADVICE}`, { cause: error });
  });
  if (!response.ok) throw new NearlightError('NL_METRICS', `${url} answers with status ${response.status}; ${ADVICE}`);
  const found = parseMetrics(text, time);
  if (!found.samples.has('nearlight_build_info'))
    throw new NearlightError('NL_METRICS', `${url} has metrics of something else than a host; ${ADVICE}`);
  return found;
}

const ADVICE = 'start a host with "npm start", and give the address that it prints for its metrics: --metrics URL';

/** Reads the body of an answer, up to SCRAPE_BYTES_MAX. @throws NearlightError NL_METRICS if it is longer */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ['', 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > SCRAPE_BYTES_MAX)
      throw new NearlightError('NL_METRICS', `${response.url} answers with more than ${SCRAPE_BYTES_MAX} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  if (name === 'TimeoutError') return `no answer within ${ANSWER_MS_MAX / 1000} s`;
  if (cause?.code === 'ECONNREFUSED') return 'nothing listens there';
  return cause?.message ?? message;
}
