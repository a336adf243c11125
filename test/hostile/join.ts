import type { Lobby } from '../../host/room/lobby.ts';
import type { Player } from '../../host/stream/player.ts';
import { sleep } from '../wait.ts';

/** Joins a game. The lobby does not open a room twice within a second, so this waits until it does. */
export async function join(lobby: Lobby, name: string): Promise<Player> {
  for (;;)
    try {
      return await lobby.accept(name, { width: 64, height: 64, fps: 60 });
    } catch (error) {
      if (!String(error).includes('it opens again in')) throw error;
      await sleep(20);
    }
}
