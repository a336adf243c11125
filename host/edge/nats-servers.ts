/** How to reach the servers of one NATS system. */
export interface NatsServers {
  servers: string[];
  user?: string;
  pass?: string;
  tls?: object;
}

/** Takes the URLs of servers apart. The first user and password count for all, and tls:// for one is tls:// for all. */
export function readServers(list: string): NatsServers {
  const urls = list.split(',').map((text) => new URL(text.trim()));
  const { username, password } = urls.find((url) => url.username !== '') ?? { username: '', password: '' };
  return {
    servers: urls.map(({ host }) => host),
    ...(username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) } : {}),
    ...(urls.some(({ protocol }) => protocol === 'tls:') ? { tls: {} } : {}),
  };
}
