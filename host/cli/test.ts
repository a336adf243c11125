import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import { openProject } from '../play/project.ts';

const HELP = `Runs the tests of a project with Node's test runner: every file test/*.test.ts or test/*.test.js.

Usage: npm test [-- options of node --test]

A test imports "nearlight/test" to load the game, press keys, let it tick, look at its log, state and picture, and hear it.
`;

/** Runs a project's tests. @throws NearlightError NL_USAGE if the project has no folder test */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const { root } = openProject();
  if (!existsSync(join(root, 'test')))
    throw new NearlightError('NL_USAGE', `${root} has no folder test; put files such as test/game.test.ts there`);
  const child = spawn(process.execPath, ['--test', ...args, 'test/*.test.{js,mjs,ts}'], {
    cwd: root,
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
