import { NearlightError } from '../host/base/errors.ts';
import { parseJson } from './client.ts';
import { blobOf, type Descriptor, digestOf, type Image, TYPES } from './image.ts';
import type { Registry } from './registry.ts';

/** How much of a blob has been sent to the registry. */
export interface Progress {
  digest: string;
  sent: number;
  size: number;
  /** Whether the registry had the blob already. */
  existed: boolean;
}

/**
 * Pushes an image and its bill of materials, and last the tag, so that the tag never names an incomplete image. A registry
 * without the referrers API gets the bill under the fallback tag (distribution-spec 1.1, "Unavailable Referrers API").
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
  // A registry accepts an index only after the manifests in it.
  for (const [digest, type] of types)
    if (digest !== index.digest && digest !== bill.digest)
      await registry.pushManifest(digest, type, blobOf(image, digest));
  await registry.pushManifest(index.digest, TYPES.index, blobOf(image, index.digest));
  const headers = await registry.pushManifest(bill.digest, TYPES.manifest, blobOf(image, bill.digest));
  if (headers.get('oci-subject') === null) await pushFallback(registry, index, bill);
  await registry.pushManifest(tag, TYPES.index, blobOf(image, index.digest));
}

/** The media types of all manifests of an image, by their digests. */
function manifestTypes(image: Image): Map<string, string> {
  const { index, bill } = image;
  const { manifests } = JSON.parse(Buffer.from(blobOf(image, index.digest)).toString()) as Referrers;
  return new Map([...manifests, index, bill].map(({ digest, mediaType }) => [digest, mediaType]));
}

/** The part of an OCI image index that is read here. */
interface Referrers {
  manifests: Descriptor[];
}

/** Adds the bill of materials to the index under the fallback tag, which lists all referrers of the image. */
async function pushFallback(registry: Registry, index: Descriptor, bill: Descriptor): Promise<void> {
  const tag = index.digest.replace(':', '-');
  const known = await registry.manifest(tag, TYPES.index);
  const { manifests: old = [] } = known ? (parseJson(known, `the manifest ${tag}`) as Partial<Referrers>) : {};
  if (!Array.isArray(old))
    throw new NearlightError('NL_REGISTRY', `the manifest ${tag} in the registry is not an index; remove it`);
  const manifests = [...old.filter((other) => other?.digest !== bill.digest), bill];
  const data = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: TYPES.index, manifests }));
  if (known === undefined || digestOf(known) !== digestOf(data)) await registry.pushManifest(tag, TYPES.index, data);
}
