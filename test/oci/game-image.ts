import { readConfig } from '../../host/base/config.ts';
import { checkModule } from '../../host/engine/module.ts';
import { createImage, type Image, type ImageOptions } from '../../oci/image.ts';

/** Creates the container image of a game, and checks the game's module as the command `image` does. */
export function createGameImage(options: Omit<ImageOptions, 'checkModule'>): Promise<Image> {
  return createImage({ ...options, checkModule: (module) => checkModule(module, readConfig({})) });
}
