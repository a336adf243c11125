import type { PlayerEndpoint } from '../base/dependencies.ts';
import { NearlightError } from '../base/errors.ts';
import { createDependencies, type Dependencies, type DependenciesOptions } from '../edge/dependencies/dependencies.ts';
import { EndpointFull } from '../edge/dependencies/endpoint.ts';
import { RuleFile } from '../edge/dependencies/rule-file.ts';

/** The services of a host, with the rules of ENDPOINT_RULES. */
export interface OpenedDependencies extends Dependencies {
  close(): Promise<void>;
}

/**
 * Makes the services of a host, and watches the file that ENDPOINT_RULES names.
 * @throws NearlightError NL_SETTING if the file cannot be used
 */
export async function openDependencies(
  options: Omit<DependenciesOptions, 'config'> & {
    config: DependenciesOptions['config'] & { endpointRules: string };
  },
): Promise<OpenedDependencies> {
  const { config, log } = options;
  const dependencies = createDependencies(options);
  if (config.endpointRules === '') return { ...dependencies, close: async () => {} };
  const file = await RuleFile.open({ path: config.endpointRules, endpoints: dependencies.endpoints, log });
  file.watch();
  return { ...dependencies, close: () => file.close() };
}

/** Returns a function that keeps requests of pages within the rules of their endpoints. */
export function limitPages({ endpoints }: Pick<Dependencies, 'endpoints'>) {
  return <T>(name: PlayerEndpoint, work: () => Promise<T>): Promise<T> =>
    endpoints[name].run(work).catch((error: unknown) => {
      if (!(error instanceof EndpointFull)) throw error;
      throw new NearlightError('NL_OFFER_RATE', 'many players are joining at this moment');
    });
}
