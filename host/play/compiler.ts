/** The command line of the AssemblyScript compiler for a game. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { NearlightError } from '../base/errors.ts';

/** AssemblyScript configuration of the SDK, which a game project's own asconfig.json extends. */
const SDK_CONFIG = '@nearlight/sdk/asconfig.json';

/**
 * AssemblyScript compiler options for a game of the project in `folder`: those of the project's asconfig.json, or the SDK's
 * where there is none, and a source map. `release` optimises; `debug` compiles ten times as fast.
 * @throws NearlightError NL_SOURCE where the SDK is not installed for the project
 */
export function compilerOptions(folder: string, target: 'release' | 'debug'): string[] {
  const sdk = findSdkConfig(folder);
  const own = join(folder, 'asconfig.json');
  return ['--config', existsSync(own) ? own : sdk, '--target', target, '--debug', '--sourceMap'];
}

/** Finds the asconfig.json of the SDK that is installed for the project in `folder`. @throws NearlightError NL_SOURCE */
export function findSdkConfig(folder: string): string {
  try {
    return createRequire(join(folder, 'package.json')).resolve(SDK_CONFIG);
  } catch (cause) {
    throw new NearlightError(
      'NL_SOURCE',
      `@nearlight/sdk is not installed in ${folder}; install it there: npm install @nearlight/sdk`,
      { cause },
    );
  }
}
