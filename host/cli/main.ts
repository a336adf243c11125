#!/usr/bin/env node
import { settings } from '../base/config.ts';
import { exitStatus, NearlightError } from '../base/errors.ts';
import { guardProcess } from '../base/guard.ts';
import { VERSION } from '../base/version.ts';
import type { Command } from './command.ts';

/** All commands by name. Only the requested one is loaded, because each needs different libraries. */
const COMMANDS: Record<string, { about: string; load(): Promise<Command> }> = {
  start: { about: 'play a game in the browser, streamed (the default)', load: () => import('./start.ts') },
  dev: { about: "play a game in the browser's own tab, rebuilt on every save", load: () => import('./dev.ts') },
  new: { about: 'make a game of your own', load: () => import('./new.ts') },
  build: { about: 'compile games to modules', load: () => import('./build.ts') },
  test: { about: "run a project's tests", load: () => import('./test.ts') },
  image: { about: 'build the OCI image of a game, and push it', load: () => import('./image.ts') },
  render: { about: 'make pictures or a clip of a game or a recorded session', load: () => import('./render.ts') },
  inspect: { about: 'describe what a game sends to the GPU', load: () => import('./inspect.ts') },
  pack: { about: 'pack a glTF model or a sound for games', load: () => import('./pack.ts') },
  edge: { about: 'let players in and keep results for the hosts of this machine', load: () => import('./edge.ts') },
  fleet: { about: 'give players seats on the game servers of a cluster', load: () => import('./fleet.ts') },
  dash: { about: 'show what a host does: players, latency, faults', load: () => import('./dash.ts') },
  doctor: { about: 'say what this machine has and what is missing', load: () => import('./doctor.ts') },
};

const HELP = `Nearlight: games rendered at the edge, from one Wasm module.

Usage: nearlight [COMMAND] [arguments]

Commands:
${Object.entries(COMMANDS)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

"nearlight COMMAND --help" describes a command. In a project, "npm start", "npm run dev", "npm run build" and so on
run the command of the same name.

Environment:
${Object.values(settings)
  .map(
    ({ env, about, ...setting }) => `  ${env.padEnd(30)} ${about} (${setting.default === '' ? '-' : setting.default})`,
  )
  .join('\n')}
`;

async function main([name, ...rest]: string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`nearlight ${VERSION}\n`);
    return 0;
  }
  const found = name === undefined ? undefined : COMMANDS[name];
  if (name === undefined || !found)
    return run('', await import('./start.ts'), name === undefined ? [] : [name, ...rest]);
  return run(`${name}: `, await found.load(), rest);
}

/** Runs a command and returns the exit status. Prints the error if the command fails. */
async function run(prefix: string, command: Command, args: string[]): Promise<number> {
  try {
    return await command.run(args, process.env);
  } catch (error) {
    process.stderr.write(`${prefix}${error instanceof NearlightError ? error.message : (error as Error).stack}\n`);
    return exitStatus(error);
  }
}

guardProcess();
process.exitCode = await main(process.argv.slice(2));
// End the process now, even if a library's thread or a poll of the GPU would keep it alive.
process.exit();
