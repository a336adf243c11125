import { NearlightError } from '../host/base/errors.ts';
import { parseJson } from './client.ts';
import { type Descriptor, digestOf, type Image, TYPES } from './image.ts';
import type { Registry } from './registry.ts';

/** A line of progress: what is sent, how much of it, and whether it was there already. */
export interface Progress {
  digest: string;
  sent: number;
  size: number;
  existed: boolean;
}

/**
 * Pushes an image: blobs, manifests by digest, the index under its tag, then its bill of materials as a referrer, also under the
 * fallback tag where the registry has no referrers API (distribution-spec 1.1, "Unavailable Referrers API").
 * @throws NearlightError NL_REGISTRY
 */
export async function pushImage(
  registry: Registry,
  image: Image,
  tag: string,
  progress: (line: Progress) => void,
): Promise<void> {
  const { blobs, index, bill } = image;
  const types = manifestTypes(image);
  for (const [digest, data] of blobs) {
    if (types.has(digest)) continue;
    const size = data.length;
    const sent = await registry.pushBlob(data, (part) => progress({ digest, sent: part, size, existed: false }));
    if (sent === 0) progress({ digest, sent: size, size, existed: true });
  }
  // An index may name only what is there.
  for (const [digest, type] of types)
    if (digest !== index.digest && digest !== bill.digest)
      await registry.pushManifest(digest, type, blobs.get(digest)!);
  await registry.pushManifest(index.digest, TYPES.index, blobs.get(index.digest)!);
  const headers = await registry.pushManifest(bill.digest, TYPES.manifest, blobs.get(bill.digest)!);
  if (headers.get('oci-subject') === null) await pushFallback(registry, index, bill);
  await registry.pushManifest(tag, TYPES.index, blobs.get(index.digest)!);
}

function manifestTypes({ blobs, index, bill }: Image): Map<string, string> {
  const { manifests } = JSON.parse(Buffer.from(blobs.get(index.digest)!).toString()) as Referrers;
  return new Map([...manifests, index, bill].map(({ digest, mediaType }) => [digest, mediaType]));
}

interface Referrers {
  manifests: Descriptor[];
}

async function pushFallback(registry: Registry, index: Descriptor, bill: Descriptor): Promise<void> {
  const tag = index.digest.replace(':', '-');
  const known = await registry.manifest(tag, TYPES.index);
  const { manifests: old = [] } = known ? (parseJson(known, `the manifest ${tag}`) as Partial<Referrers>) : {};
  if (!Array.isArray(old)) throw new NearlightError('NL_REGISTRY', `the manifest ${tag} there is no index; remove it`);
  const manifests = [...old.filter((other) => other?.digest !== bill.digest), bill];
  const data = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: TYPES.index, manifests }));
  if (known === undefined || digestOf(known) !== digestOf(data)) await registry.pushManifest(tag, TYPES.index, data);
}
