import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { buildFolder } from '../host/base/self.ts';
import { MODEL_VERSION } from '../renderer/contract/pack.ts';
import { packFiles } from './folder.ts';
import { readContainer } from './gltf/container.ts';
import { Resources } from './gltf/resources.ts';
import { packModel } from './pack/pack.ts';
import { formatReport } from './report.ts';

const CACHE = join(buildFolder(), 'models');
/** Changes whenever the same file would be packed otherwise. */
const PACKER_VERSION = 1;

/**
 * Gives the asset pack in which a model is the asset "model", as the game `model` wants it; kept in build/models.
 * @param announce is told what takes a while, and what was ignored
 * @param cache folder of packed models, by the digest of what they were made of
 * @throws NearlightError NL_MODEL
 */
export async function modelAssets(
  path: string,
  announce: (line: string) => void,
  cache: string = CACHE,
): Promise<Uint8Array> {
  const packed = await cached(path, announce, cache);
  return packFiles([{ name: 'model', bytes: packed }]);
}

async function cached(path: string, announce: (line: string) => void, cache: string): Promise<Uint8Array> {
  const digest = await digestModel(path);
  const file = digest && join(cache, `${digest}.nlmd`);
  const known = file && (await readFile(file).catch(() => undefined));
  if (known) return known;
  announce(`packing ${basename(path)} ...`);
  const { bytes, report, warnings } = await packModel(path, {
    onProgress: (step) => announce(`packing ${basename(path)}: ${step}`),
  });
  for (const line of warnings) announce(`${basename(path)}: ${line}`);
  for (const line of formatReport(report)) announce(line);
  if (file) {
    await mkdir(cache, { recursive: true });
    // Two processes may pack at once: the file appears whole.
    await writeFile(`${file}.${process.pid}`, bytes);
    await rename(`${file}.${process.pid}`, file);
  }
  return bytes;
}

/** Of the model and all that it refers to; undefined where it cannot be read, which the packer will say better. */
async function digestModel(path: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    const hash = createHash('sha256').update(`${PACKER_VERSION} ${MODEL_VERSION}`).update(bytes);
    const { root } = readContainer(bytes);
    const resources = new Resources(dirname(path));
    for (const list of ['buffers', 'images']) {
      for (const value of root.get(list).list()) {
        const uri = value.get('uri');
        if (uri.exists && !uri.text().startsWith('data:')) hash.update(await resources.read(uri));
      }
    }
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}
