import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Makes an authority, in PEM. */
export function makeAuthority(name: string): Pair {
  return inFolder((folder) => {
    openssl(folder, ['req', '-x509', ...newKey('own'), '-subj', `/CN=${name}`, '-days', '1', '-out', 'own.crt']);
    return pair(folder, 'own');
  });
}

/** Makes a certificate that an authority has signed, for a server at 127.0.0.1 and of a host name, or for a client. */
export function makeCertificate(
  authority: Pair,
  { name, use, host = 'localhost' }: { name: string; use: 'serverAuth' | 'clientAuth'; host?: string },
): Pair {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'ca.crt'), authority.cert);
    writeFileSync(join(folder, 'ca.key'), authority.key);
    writeFileSync(join(folder, 'own.ext'), `extendedKeyUsage=${use}\nsubjectAltName=IP:127.0.0.1,DNS:${host}\n`);
    openssl(folder, ['req', ...newKey('own'), '-subj', `/CN=${name}`, '-out', 'own.csr']);
    const sign = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'own.ext'];
    openssl(folder, ['x509', '-req', '-in', 'own.csr', ...sign, '-out', 'own.crt']);
    return pair(folder, 'own');
  });
}

function newKey(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
}

function openssl(cwd: string, args: string[]): void {
  execFileSync('openssl', args, { cwd, stdio: 'pipe' });
}

function pair(folder: string, name: string): Pair {
  const read = (ending: string) => readFileSync(join(folder, `${name}.${ending}`), 'utf8');
  return { cert: read('crt'), key: read('key') };
}

function inFolder(make: (folder: string) => Pair): Pair {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-certificates-'));
  try {
    return make(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
