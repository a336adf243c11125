import { good } from '../engine/modules.ts';
import { shader } from '../hostile/cases/gpu.ts';
import { computing, counting, dispatch, streams } from '../hostile/modules.ts';
import type { HostileShader } from './shaders.ts';

/** A game that draws a picture for each player and saves its state, for the player beside an attack. */
export const goodGame = (): Uint8Array => counting();

/** A game that uses a shader as its attacker wants, once a player has joined. */
export function shaderGame({ code, use }: HostileShader): Uint8Array {
  const { fields, memory, call } = streams({
    attack: use === 'module' ? [shader(code)] : [...computing(code), ...dispatch()],
  });
  return good({ fields, memory, join: call.attack });
}
