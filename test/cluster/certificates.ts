import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './cluster.ts';

/** A certificate and its key, as paths. */
export interface Identity {
  certificate: string;
  key: string;
}

/** The certificate authority of a cluster. */
export interface Authority extends Identity {
  readonly folder: string;
}

/** Certificates of a test are valid for this long. */
const DAYS = '2';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', DAYS];

/** Makes a certificate authority in a folder. */
export async function makeAuthority(folder: string): Promise<Authority> {
  const made = identityIn(folder, 'ca');
  const extension = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];
  await openssl(made, '/CN=nearlight-test', ...extension);
  return { ...made, folder };
}

/**
 * Issues a certificate for a server and a client.
 * @param subject such as `/O=system:nodes/CN=system:node:a`: Kubernetes takes the user from CN and the groups from O
 * @param names names and addresses of the server, such as `DNS:localhost` and `IP:127.0.0.1`
 */
export async function issue(
  { folder, certificate, key }: Authority,
  name: string,
  subject: string,
  names: readonly string[] = [],
): Promise<Identity> {
  const made = identityIn(folder, name);
  await openssl(
    made,
    subject,
    ...['-CA', certificate, '-CAkey', key],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
    ...(names.length > 0 ? ['-addext', `subjectAltName=${names.join(',')}`] : []),
  );
  return made;
}

function identityIn(folder: string, name: string): Identity {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

async function openssl({ certificate, key }: Identity, subject: string, ...options: string[]): Promise<void> {
  await run('openssl', ['req', '-x509', ...KEY, '-keyout', key, '-out', certificate, '-subj', subject, ...options]);
  chmodSync(key, 0o600);
}

/** Writes a kubeconfig; returns its path. */
export function writeKubeconfig(
  authority: Authority,
  name: string,
  { certificate, key, server }: Identity & { server: string },
): string {
  const path = join(authority.folder, `${name}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': authority.certificate } }],
    users: [{ name, user: { 'client-certificate': certificate, 'client-key': key } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  };
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 });
  return path;
}
