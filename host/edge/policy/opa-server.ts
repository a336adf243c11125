import type { Dependency } from '../dependencies/dependency.ts';
import { fetchJson } from '../fetch-json.ts';
import type { Evaluator } from './decide.ts';

/** Limit on an answer of an OPA server, which is one value with its id. */
const ANSWER_BYTES_MAX = 65_536;

/**
 * Has policies evaluated by an OPA server (https://www.openpolicyagent.org/docs/rest-api#data-api). An answer that is neither true
 * nor false counts as a failure of the server.
 * @param options.url URL of the server, without the path of its API
 * @param options.fetch takes the place of fetch()
 */
export function askOpa(options: {
  url: string;
  dependency: Pick<Dependency, 'run'>;
  fetch?: typeof globalThis.fetch | undefined;
}): Evaluator {
  const { dependency, fetch } = options;
  const base = options.url.endsWith('/') ? options.url : `${options.url}/`;
  return {
    revision: undefined,
    evaluate(name, input) {
      const url = new URL(`v1/data/${name}/allow`, base).href;
      const ask = async (signal: AbortSignal): Promise<boolean> => {
        const answer = await fetchJson(url, { signal, bytesMax: ANSWER_BYTES_MAX, body: { input }, fetch });
        const { result } = answer as { result?: unknown };
        if (typeof result !== 'boolean')
          throw new Error(`${name}.allow is ${JSON.stringify(result)}, not true or false`);
        return result;
      };
      return dependency.run(ask, { isIdempotent: true });
    },
  };
}
