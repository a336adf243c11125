import { fetchJson } from '../fetch-json.ts';
import type { Evaluator } from './decide.ts';

/** Limit on an answer of an OPA server, which is one value with its id. */
const ANSWER_BYTES_MAX = 65_536;

/**
 * Has policies evaluated by an OPA server (https://www.openpolicyagent.org/docs/rest-api#data-api).
 * @param options.url URL of the server, without the path of its API
 */
export function askOpa(options: { url: string; msMax: number; fetch?: typeof fetch | undefined }): Evaluator {
  const base = options.url.endsWith('/') ? options.url : `${options.url}/`;
  return {
    revision: undefined,
    async evaluate(name, input) {
      const url = new URL(`v1/data/${name}/allow`, base).href;
      const { msMax, fetch } = options;
      const answer = await fetchJson(url, { msMax, bytesMax: ANSWER_BYTES_MAX, body: { input }, fetch });
      return (answer as { result?: unknown }).result;
    },
  };
}
