import { createHash } from 'node:crypto';
import type { TarEntry } from './tar.ts';

export interface BillOptions {
  title: string;
  version?: string;
  /** The digest of the image's index. */
  digest: string;
  entries: readonly TarEntry[];
}

/**
 * Creates the bill of materials of an image, as an SPDX 2.3 document in JSON with one package and its files. The time of
 * creation is fixed, so that the same image always has the same bill.
 */
export function bill({ title, version, digest, entries }: BillOptions): object {
  const files = entries.flatMap(({ name, data }, index) => {
    if (!data) return [];
    const checksums = ['sha1', 'sha256'].map((algorithm) => ({
      algorithm: algorithm.toUpperCase(),
      checksumValue: createHash(algorithm).update(data).digest('hex'),
    }));
    const copyrightText = 'NOASSERTION';
    return [
      {
        SPDXID: `SPDXRef-File-${index}`,
        fileName: `./${name}`,
        checksums,
        licenseConcluded: 'NOASSERTION',
        copyrightText,
      },
    ];
  });
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: version === undefined ? title : `${title} ${version}`,
    documentNamespace: `urn:nearlight:image:${digest}`,
    creationInfo: { created: '1970-01-01T00:00:00Z', creators: ['Tool: nearlight-image'] },
    documentDescribes: ['SPDXRef-Image'],
    packages: [
      {
        SPDXID: 'SPDXRef-Image',
        name: title,
        ...(version === undefined ? {} : { versionInfo: version }),
        downloadLocation: 'NOASSERTION',
        filesAnalyzed: true,
        packageVerificationCode: { packageVerificationCodeValue: verificationCode(files) },
        licenseConcluded: 'NOASSERTION',
        licenseDeclared: 'NOASSERTION',
        copyrightText: 'NOASSERTION',
        checksums: [{ algorithm: 'SHA256', checksumValue: digest.replace('sha256:', '') }],
        primaryPackagePurpose: 'CONTAINER',
      },
    ],
    files,
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relatedSpdxElement: 'SPDXRef-Image', relationshipType: 'DESCRIBES' },
      ...files.map(({ SPDXID }) => ({
        spdxElementId: 'SPDXRef-Image',
        relatedSpdxElement: SPDXID,
        relationshipType: 'CONTAINS',
      })),
    ],
  };
}

/** The SPDX verification code of a package: the SHA-1 of its files' sorted SHA-1s (SPDX 2.3, 7.9.1). */
function verificationCode(files: readonly { checksums: { checksumValue: string }[] }[]): string {
  const sums = files.flatMap(({ checksums: [sha1] }) => sha1?.checksumValue ?? []).sort();
  return createHash('sha1').update(sums.join('')).digest('hex');
}
