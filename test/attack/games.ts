import { good } from '../engine/modules.ts';
import { shader } from '../hostile/cases/gpu.ts';
import { computing, counting, dispatch, streams } from '../hostile/modules.ts';
import type { HostileShader } from './shaders.ts';

/** A game that draws a picture for each player and saves its state, for the player beside an attack. */
export const goodGame = (): Uint8Array => counting();

/**
 * A game that uses a shader as its attacker wants, once a player has joined.
 * @param ticks number of ticks after which the game ends itself; by default it goes on
 */
export function shaderGame({ code, use }: HostileShader, ticks = Number.POSITIVE_INFINITY): Uint8Array {
  const { fields, memory, call } = streams({
    attack: use === 'module' ? [shader(code)] : [...computing(code), ...dispatch()],
  });
  if (!Number.isFinite(ticks)) return good({ fields, memory, join: call.attack });
  return good({
    fields: `${fields} (global $ticks (mut i32) (i32.const 0))`,
    memory,
    join: `(global.set $ticks (i32.const 1)) ${call.attack}`,
    tick: `(if (global.get $ticks) (then (global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))))
      (if (i32.gt_u (global.get $ticks) (i32.const ${ticks})) (then (call $exit (i32.const 0))))`,
  });
}
