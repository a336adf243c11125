import { NearlightError } from '../base/errors.ts';
import type { OciBundle } from './oci-bundle.ts';
import type { Volume } from './opener.ts';

const ASSETS = '/assets';
/** Becomes the asset config.json. */
const CONFIG = '/config.json';
/** The kubelet and containerd mount files here in every container. A game has no use for them. */
const OF_EVERY_CONTAINER = /^\/(dev|etc|proc|sys|run|var\/run\/secrets\/kubernetes\.io)(\/|$)/;

/**
 * Returns the volumes of a container that hold files of its game: at /assets or below, at /config.json, and at the module or around it.
 * @throws NearlightError NL_POD for a volume of the pod elsewhere, because the game would never see it
 */
export function volumesOf({ mounts, podUid }: OciBundle, module: string): Volume[] {
  const volumes = mounts
    .filter(({ type, options }) => type === 'bind' || options.some((option) => /^r?bind$/.test(option)))
    .map(({ destination, source }) => ({ destination: destination.replace(/(?!^)\/+$/, ''), source }))
    .filter(({ destination }) => !OF_EVERY_CONTAINER.test(destination));
  const used = volumes.filter((volume) => isUsed(volume, module));
  const useless = volumes.find((volume) => !used.includes(volume) && isOfPod(volume, podUid));
  if (useless)
    throw new NearlightError(
      'NL_POD',
      `volumeMounts: a game has no files, so the volume at ${useless.destination} would have no effect; mount it at ${ASSETS} or below, at ${CONFIG}, or leave it out`,
    );
  return used;
}

function isUsed({ destination }: Volume, module: string): boolean {
  return isIn(destination, ASSETS) || destination === CONFIG || (destination !== '/' && isIn(module, destination));
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Whether the kubelet keeps a volume for the pod. Device plugins mount files of the node, too, and not for the game. */
function isOfPod({ source }: Volume, podUid: string | undefined): boolean {
  return podUid !== undefined && /^(volumes|volume-subpaths)\//.test(source.split(`/pods/${podUid}/`)[1] ?? '');
}
