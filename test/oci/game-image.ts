import { readConfig } from '../../host/base/config.ts';
import { checkModule } from '../../host/engine/module.ts';
import { createImage, type Image, type ImageOptions } from '../../oci/image.ts';

/** Creates the image of a game, and checks its module as the command does. */
export function createGameImage(options: Omit<ImageOptions, 'checkModule'>): Promise<Image> {
  return createImage({ ...options, checkModule: (module) => checkModule(module, readConfig({})) });
}
