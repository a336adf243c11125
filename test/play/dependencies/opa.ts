import type { RequestListener } from 'node:http';
import { loadPolicies } from '../../../host/edge/policy/compiled.ts';
import type { Package, PolicyInput } from '../../../host/edge/policy/decide.ts';
import { type FaultyServer, says } from './faults.ts';

/** Lets a server answer as OPA does, by the policies that come along. The real OPA takes part in `npm run test:policy`. */
export async function serveAsOpa(server: FaultyServer): Promise<void> {
  const { evaluate } = await loadPolicies({ path: '', bytesMax: 2 ** 20 });
  const answer: RequestListener = async (request, response) => {
    const { input } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { input: PolicyInput };
    const name = request.url?.split('/')[3] as Package;
    says({ result: await evaluate(name, input) })(request, response);
  };
  // The host has given up a request that it no longer waits for.
  server.serve = (request, response) => void Promise.resolve(answer(request, response)).catch(() => response.destroy());
}
