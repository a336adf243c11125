import type { Services } from './ttrpc.ts';

/** The ttrpc service with which the keeper asks a host process whether it still responds. */
export const HOST_SERVICE = 'nearlight.Host';
export const PING = 'Ping';

/** Answers on the event loop, so a host process that is held up there does not answer. */
export const heartbeat: Services = { [HOST_SERVICE]: { [PING]: async () => new Uint8Array(0) } };
