import { readConfig } from '../../host/base/config.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import type { Playable } from '../../host/play/launch.ts';
import { digest } from '../../host/session/format.ts';
import { hashSession } from '../../host/session/hash.ts';
import { script } from '../session/script.ts';
import { SEATS, TICK_RATE } from './game.ts';

const SECONDS = 10;

/** Seeds of the scripted sessions whose commands were hashed when the hardware pack was made. */
export const SEEDS: readonly number[] = [1, 2, 3, 4, 5];

/** Returns the hash of all commands that a game submits in a scripted session. The GPU has no influence on it. */
export async function hashScripted({ name, module, assets }: Playable, seed: number): Promise<string> {
  const header = {
    name,
    module: await digest(module),
    assets: await digest(assets),
    seed,
    tickRate: TICK_RATE,
    seats: SEATS,
  };
  const calls = [...script({ seed, ticks: SECONDS * TICK_RATE, seats: SEATS })];
  return hashSession(
    { header, calls, complete: true },
    { engine: createJavaScriptEngine(), module, assets, limits: readConfig({}), log: () => {} },
  );
}
