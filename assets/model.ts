import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { buildFolder } from '../host/base/self.ts';
import { MODEL_VERSION } from '../renderer/contract/pack.ts';
import { createAssetPack } from './folder.ts';
import { readContainer } from './gltf/container.ts';
import { Resources } from './gltf/resources.ts';
import { packModel } from './packer/packer.ts';
import { formatReport } from './report.ts';

const CACHE = join(buildFolder(), 'models');
/**
 * Version of the model packer, in the key of cached models. Increase it whenever the packer produces another result from the
 * same file.
 */
const PACKER_VERSION = 1;

/**
 * Creates an asset pack for the game `model`: it contains one asset, the packed model, named "model".
 * @param path a .gltf or .glb file
 * @param announce called with progress and warnings
 * @param cache folder that keeps packed models, named by the hash of the files that they were made from
 * @throws NearlightError NL_MODEL
 */
export async function modelAssets(
  path: string,
  announce: (line: string) => void,
  cache: string = CACHE,
): Promise<Uint8Array> {
  const packed = await cached(path, announce, cache);
  return createAssetPack([{ name: 'model', bytes: packed }]);
}

/** Packs a model, or takes it from the cache. */
async function cached(path: string, announce: (line: string) => void, cache: string): Promise<Uint8Array> {
  const digest = await digestModel(path);
  const file = digest && join(cache, `${digest}.nlmd`);
  const stored = file && (await readFile(file).catch(() => undefined));
  if (stored) return stored;
  announce(`packing ${basename(path)} ...`);
  const { bytes, report, warnings } = await packModel(path, {
    onProgress: (step) => announce(`packing ${basename(path)}: ${step}`),
  });
  for (const line of warnings) announce(`${basename(path)}: ${line}`);
  for (const line of formatReport(report)) announce(line);
  if (file) {
    await mkdir(cache, { recursive: true });
    // A second process may pack the same model at the same time, so the file must appear complete or not at all.
    await writeFile(`${file}.${process.pid}`, bytes);
    await rename(`${file}.${process.pid}`, file);
  }
  return bytes;
}

/**
 * Hashes a model and every file that it refers to. Returns undefined if a file cannot be read, since the packer then reports
 * the error.
 */
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
