import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NearlightError } from '../host/base/errors.ts';

export interface Credentials {
  user: string;
  password: string;
}

/**
 * Credentials for a registry: REGISTRY_USER and REGISTRY_PASSWORD, else what `docker login` has left in config.json.
 * What a credential helper keeps is not read.
 * @throws NearlightError NL_SETTING for one variable without the other, or a config.json that cannot be read
 */
export async function findCredentials(registry: string, env = process.env): Promise<Credentials | undefined> {
  const { REGISTRY_USER: user, REGISTRY_PASSWORD: password } = env;
  if (user && password) return { user, password };
  if (user || password)
    throw new NearlightError('NL_SETTING', 'of REGISTRY_USER and REGISTRY_PASSWORD one is set and the other is not');
  const path = join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const auth = (JSON.parse(text) as { auths?: Record<string, { auth?: string }> }).auths?.[registry]?.auth;
    if (auth === undefined) return undefined;
    const [name = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
    return { user: name, password: rest.join(':') };
  } catch (cause) {
    throw new NearlightError(
      'NL_SETTING',
      `${path} cannot be read; log in again, or set REGISTRY_USER and REGISTRY_PASSWORD`,
      { cause },
    );
  }
}

/** The header that says who asks (RFC 7617). */
export function basic({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** What a registry asks for in WWW-Authenticate. */
export interface Challenge {
  /** Whether a name and a password are an answer. */
  basic: boolean;
  /** Where a token is given, and for what (distribution, "Token Authentication Specification"). */
  bearer?: { realm: string; service?: string; scope?: string };
}

const PARAMETER = /(\w+)=(?:"([^"]*)"|([^\s",]+))/g;

/** Reads WWW-Authenticate (RFC 9110, 11.6.1), which may hold several challenges. */
export function parseChallenge(header: string): Challenge {
  const bearer = /(?:^|,)\s*bearer\s+((?:\w+=(?:"[^"]*"|[^\s",]+)\s*,?\s*)+)/i.exec(header)?.[1] ?? '';
  const { realm, service, scope } = Object.fromEntries(
    [...bearer.matchAll(PARAMETER)].map(([, key, quoted, plain]) => [key!.toLowerCase(), quoted ?? plain!]),
  ) as { realm?: string; service?: string; scope?: string };
  return {
    basic: /(?:^|,)\s*basic(?:\s|$)/i.test(header),
    ...(realm ? { bearer: { realm, ...(service ? { service } : {}), ...(scope ? { scope } : {}) } } : {}),
  };
}
