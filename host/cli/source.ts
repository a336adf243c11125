import { basename } from 'node:path';
import { type Config, readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { SourceOptions } from '../play/source.ts';

/** Seed of a game that is played without players. It is fixed, so that the game is the same every time. */
const SEED = '1';
/** Name of the game that shows a glTF model. */
const MODEL = 'model';

/** Options that the commands `render` and `inspect` share. */
export interface SourceValues {
  module?: string | undefined;
  assets?: string | undefined;
  model?: string | undefined;
  seed?: string | undefined;
}

/** Reads from the command line which game or session to play; by default the game `arena`. @throws NearlightError NL_USAGE */
export function readSource(positionals: string[], values: SourceValues): Omit<SourceOptions, 'config' | 'announce'> {
  const usage = (detail: string) => new NearlightError('NL_USAGE', detail);
  if (positionals.length > 1) throw usage(`give one game, not ${positionals.join(', ')}`);
  const { module, assets, model, seed } = values;
  const what = positionals[0] ?? (model === undefined ? 'arena' : MODEL);
  const isSession = what.endsWith('.nlr');
  if (isSession && seed !== undefined)
    throw usage(`--seed ${seed}: a session uses the seed with which it was recorded; leave --seed out`);
  if (!isSession && module !== undefined)
    throw usage(`--module names the module of a session; to play ${module}, give it without --module`);
  if (model !== undefined && (assets !== undefined || (!isSession && what !== MODEL)))
    throw usage('--model can be combined with a session of a model only; leave games and --assets out');
  return { what, ...(module ? { module } : {}), ...(assets ? { assets } : {}), ...(model ? { model } : {}) };
}

/** Reads the settings of a command that plays without players. By default it logs little and has a fixed seed. */
export function readSourceConfig(
  { engine, seed }: { engine?: string | undefined; seed?: string | undefined },
  environment: Record<string, string | undefined>,
): Config {
  return readConfig({
    LOG_LEVEL: 'warn',
    ...environment,
    ...(engine === undefined ? {} : { ENGINE: engine }),
    SEED: seed ?? (environment.SEED || SEED),
  });
}

/** The name of a file without its folder and its ending. */
export function baseName(path: string): string {
  return basename(path).replace(/\.\w+$/, '');
}
