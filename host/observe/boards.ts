import { admission } from './boards/admission.ts';
import { autonomy } from './boards/autonomy.ts';
import { dependencies } from './boards/dependencies.ts';
import { fleet } from './boards/fleet.ts';
import { latency } from './boards/latency.ts';
import { node } from './boards/node.ts';
import { protection } from './boards/protection.ts';
import { room } from './boards/room.ts';
import { type Board, isPresent } from './panel.ts';

/** Every board that is defined, also those whose metrics no host reports yet. */
export const ALL_BOARDS: readonly Board[] = [fleet, node, room, latency, admission, protection, dependencies, autonomy];

/** The boards whose metrics a host reports, in the order in which they are shown. */
export const BOARDS: readonly Board[] = ALL_BOARDS.filter(isPresent);
