import type { Tracer } from '../base/trace.ts';
import { codeOf, inSpan, traced } from '../base/trace-context.ts';
import type { Instance } from '../engine/engine.ts';
import type { Room } from '../room/room.ts';
import type { Launcher } from './launch.ts';
import { openRoom } from './room.ts';

/**
 * Loads a game in a trace that ends with the first simulation tick of its room. The trace is always kept, because rooms rarely start.
 * @returns the instance, and a function for the room to call after its first tick
 * @throws NearlightError as Launcher.createInstance
 */
export async function traceLoad(
  tracer: Tracer,
  launcher: Launcher,
  game: string,
): Promise<{ instance: Instance; onFirstTick(): void }> {
  const span = tracer.begin('room', { isKept: true, attributes: { 'nearlight.game': game } });
  try {
    const instance = await inSpan(span, () => traced('load', () => launcher.createInstance()));
    const tick = span.child('first tick');
    const onFirstTick = (): void => {
      tick.end();
      span.end();
    };
    void instance.ended.then(onFirstTick);
    return { instance, onFirstTick };
  } catch (error) {
    span.fail(codeOf(error));
    span.end();
    throw error;
  }
}

/** A room to open; see openRoom. */
export interface TracedRoom {
  launcher: Launcher;
  game: string;
  options: Parameters<typeof openRoom>[1];
  saved: Parameters<typeof openRoom>[2];
}

/** Opens a room in a trace, as traceLoad does. @throws NearlightError as openRoom */
export async function traceRoom(tracer: Tracer, { launcher, game, options, saved }: TracedRoom): Promise<Room> {
  const { instance, onFirstTick } = await traceLoad(tracer, launcher, game);
  let loaded: Instance | undefined = instance;
  // The room may load the game again later, without the trace.
  const createInstance = async (): Promise<Instance> => {
    const first = loaded;
    loaded = undefined;
    return first ?? launcher.createInstance();
  };
  return openRoom(
    {
      ...(launcher.actions ? { actions: launcher.actions } : {}),
      log: (level, message) => launcher.log(level, message),
      createInstance,
      createReplay: (owner) => launcher.createReplay(owner),
    },
    { ...options, onFirstTick },
    saved,
  );
}
