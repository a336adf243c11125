/** Rooms without media: modules on WasmEdge, whose commands go to a GPU that does nothing. */

import { systemClock } from '../../../host/base/clock.ts';
import { type Config, readConfig } from '../../../host/base/config.ts';
import { createWasmEdgeEngine } from '../../../host/engine/wasmedge/engine.ts';
import { type Gpu, openGpu } from '../../../host/gpu/dawn.ts';
import { Launch, launch } from '../../../host/play/launch.ts';
import { Room } from '../../../host/room/room.ts';
import type { PlayerView } from '../../../host/room/view.ts';
import { fakeConnection } from '../../room/fake.ts';
import { cacheDir } from '../../session/compile.ts';

const VIEW = { width: 320, height: 180, fps: 60 };

export interface Rooms {
  open(name: string, module: Uint8Array, settings?: Partial<Config>): Promise<Room>;
  close(): Promise<void>;
}

export async function openRooms(): Promise<Rooms> {
  const gpu: Gpu = await openGpu({ hardwareRequired: false, log: () => {}, backend: 'null' });
  const engine = createWasmEdgeEngine({ cacheDir });
  const rooms: Room[] = [];
  return {
    async open(name, module, settings = {}) {
      const config = { ...readConfig({}), ...settings };
      const launcher = new Launch({
        playable: { name, module, assets: new Uint8Array() },
        engine,
        gpu,
        config,
        session: { seed: 7, tickRate: config.tickRate, seats: config.maxPlayers },
        log: () => {},
      });
      const room = new Room({
        ...(await launch(launcher)),
        name,
        clock: systemClock,
        config,
        createView: () => new Promise<PlayerView>(() => {}),
        log: () => {},
      });
      rooms.push(room);
      return room;
    },
    async close() {
      await Promise.all(rooms.map((room) => room.close()));
      await gpu.close();
    },
  };
}

/** Lets players without pages join a room. */
export async function seatPlayers(room: Room, count: number): Promise<void> {
  for (let n = 0; n < count; n++) room.accept(VIEW).onConnected(fakeConnection());
  // The export of a player who has not joined is undefined.
  while ((await room.moves.export(count - 1)) === undefined) await systemClock.until(systemClock.now());
}

/** Returns the simulation steps that a room has made, and those that it has skipped because it was late. */
export function stepsOf({ stats }: Room): { made: number; skipped: number } {
  return { made: stats.ticks, skipped: stats.ticksSkipped };
}
