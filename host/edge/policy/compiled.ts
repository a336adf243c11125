import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NearlightError } from '../../base/errors.ts';
import { readBundle } from './bundle.ts';
import { type Evaluator, PACKAGES } from './decide.ts';

/** The bundle that comes along: the policies in this folder, as OPA has compiled them. */
export const OWN_BUNDLE = join(import.meta.dirname, 'bundle.tar.gz');

/**
 * Loads a bundle of compiled policies, which are evaluated in this process.
 * @param options.path the bundle's file; '' for the bundle that comes along
 * @throws NearlightError NL_SETTING if it cannot be used
 */
export async function loadPolicies(options: { path: string; bytesMax: number }): Promise<Evaluator> {
  const path = options.path || OWN_BUNDLE;
  const packed = await readFile(path).catch((cause: Error) => {
    throw new NearlightError(
      'NL_SETTING',
      `POLICY_BUNDLE=${path} cannot be read (${cause.message}); give the path of a bundle that opa build has made`,
      { cause },
    );
  });
  const { wasm, data, revision } = readBundle(packed, options.bytesMax);
  // Hosts that let anyone join do without this package.
  const { loadPolicy } = await import('@open-policy-agent/opa-wasm');
  const policy = await loadPolicy(wasm).catch((cause: Error) => {
    throw new NearlightError('NL_SETTING', `POLICY_BUNDLE=${path}: policy.wasm cannot be loaded: ${cause.message}`, {
      cause,
    });
  });
  const missing = PACKAGES.filter((name) => !((`${name}/allow` as string) in policy.entrypoints));
  if (missing.length > 0) {
    const flags = PACKAGES.map((name) => `-e ${name}/allow`).join(' ');
    throw new NearlightError('NL_SETTING', `POLICY_BUNDLE=${path} lacks ${missing.join(', ')}; make it with ${flags}`);
  }
  policy.setData(data);
  return {
    revision,
    evaluate: (name, input) => (policy.evaluate(input, `${name}/allow`) as { result?: unknown }[])[0]?.result,
  };
}
