import { buildNative } from '../engine/wasmedge/build.ts';
import { buildModules } from '../play/modules.ts';

const HELP = `Builds what the host needs and what is out of date, into build/.

Usage: npm run build [-- NAME ...]

NAME is a game: arena, a folder of renderer/ with an index.ts (make one with npm run new), or a file of
renderer/examples without its ending. Without a name, everything is built.
If a folder NAME.assets lies beside the game's own file, build/NAME.assets becomes a link to it.
`;

/** @throws NearlightError NL_SOURCE, NL_USAGE */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const [modules] = await Promise.all([
    buildModules(args.length > 0 ? args : undefined, (line) => void process.stdout.write(`${line}\n`)),
    args.length > 0 ? undefined : buildNative(),
  ]);
  for (const { name, bytes, ms } of modules) {
    const note = ms > 0 ? `compiled in ${(ms / 1000).toFixed(1)} s` : 'up to date';
    process.stdout.write(`build/${`${name}.wasm`.padEnd(18)} ${(bytes / 1000).toFixed(1).padStart(7)} kB   ${note}\n`);
  }
  return 0;
}
