import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NearlightError } from '../host/base/errors.ts';

export interface Credentials {
  user: string;
  password: string;
}

/**
 * Finds the credentials for a registry: REGISTRY_USER and REGISTRY_PASSWORD, or else those that `docker login` wrote to
 * config.json. Credentials in a credential helper are not found.
 * @throws NearlightError NL_SETTING if only one of the variables is set, or if config.json cannot be read
 */
export async function findCredentials(registry: string, env = process.env): Promise<Credentials | undefined> {
  const { REGISTRY_USER: user, REGISTRY_PASSWORD: password } = env;
  if (user && password) return { user, password };
  if (user || password)
    throw new NearlightError('NL_SETTING', 'set both REGISTRY_USER and REGISTRY_PASSWORD, or neither');
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
      `${path} cannot be read; run docker login again, or set REGISTRY_USER and REGISTRY_PASSWORD`,
      { cause },
    );
  }
}

/** The value of the header Authorization for a user (RFC 7617). */
export function basic({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The ways in which a registry lets a client authenticate, according to its header WWW-Authenticate. */
export interface Challenge {
  /** Whether the registry accepts a user name and a password. */
  basic: boolean;
  /** Where to get a token, and for what (distribution, "Token Authentication Specification"). */
  bearer?: { realm: string; service?: string; scope?: string };
}

/** Matches a parameter of a challenge in WWW-Authenticate, with or without quotes. */
const PARAMETER = /(\w+)=(?:"([^"]*)"|([^\s",]+))/g;

/** Parses WWW-Authenticate (RFC 9110, 11.6.1), which may contain several challenges. */
export function parseChallenge(header: string): Challenge {
  const bearer = /(?:^|,)\s*bearer\s+((?:\w+=(?:"[^"]*"|[^\s",]+)\s*,?\s*)+)/i.exec(header)?.[1] ?? '';
  const { realm, service, scope } = Object.fromEntries(
    [...bearer.matchAll(PARAMETER)].map(([, key = '', quoted, plain]) => [key.toLowerCase(), quoted ?? plain]),
  ) as { realm?: string; service?: string; scope?: string };
  return {
    basic: /(?:^|,)\s*basic(?:\s|$)/i.test(header),
    ...(realm ? { bearer: { realm, ...(service ? { service } : {}), ...(scope ? { scope } : {}) } } : {}),
  };
}
