import type { Log } from '../base/log.ts';
import type { Gpu } from '../gpu/dawn.ts';
import { DeviceWatch } from '../gpu/watch.ts';
import type { Meters } from '../observe/meters.ts';
import type { Room } from '../room/room.ts';

export interface RecoveryOptions {
  gpu: Gpu;
  /** The running games. */
  lobby: { readonly rooms: Room[] };
  log: Log;
  meters: Pick<Meters, 'gpuLosses'>;
}

/**
 * Opens the GPU again each time it is lost, and moves the running games (rooms) to the new device. Call it once for each GPU.
 * Resolves when the GPU cannot be opened any more; every room has ended then.
 */
export async function recoverFromLoss({ gpu, lobby, log, meters }: RecoveryOptions): Promise<void> {
  for (;;) {
    let causedElsewhere = false;
    // The room that hung the GPU is already known; it has ended or is ending.
    void DeviceWatch.of(gpu.device).hung.then(() => {
      causedElsewhere = true;
    });
    const why = await gpu.whenLost;
    meters.gpuLosses++;
    log('error', `GPU: the device was lost: ${why}`);
    try {
      await gpu.reopen();
    } catch (error) {
      log('error', `${(error as Error).message}; restart the host`);
      await Promise.all(lobby.rooms.map((room) => room.close('NL_GPU_LOST')));
      return;
    }
    await Promise.all(lobby.rooms.map((room) => room.recover(why, { causedElsewhere })));
  }
}
