/** The calls of the fleet (FLEET.md lists them). */
import { NearlightError } from '../../base/errors.ts';
import { RESERVATION_ID } from '../../base/fleet-ticket.ts';
import type { Allocation, Allocator } from '../allocate/allocator.ts';
import { REQUEST_BYTES_MAX, readRequest } from '../allocate/request.ts';
import { CLOSED_ANNOTATION, type GameServer } from '../allocate/server.ts';
import type { Servers } from '../allocate/servers.ts';
import { type KubeClient, KubeError } from '../kube/client.ts';
import { PODS } from '../kube/object.ts';
import { REPORT_BYTES_MAX, readNodeReport } from '../nodes/report.ts';
import type { Call, Reply } from './http.ts';
import type { Callers, Role } from './roles.ts';

const NOT_FOUND = 404;
/** Servers in one answer. */
const LISTED_MAX = 1000;

export interface RoutesOptions {
  allocator: Pick<Allocator, 'allocate' | 'release' | 'waiting'>;
  servers: Servers;
  callers: Callers;
  client: Pick<KubeClient, 'patch'>;
  /** Namespace of the pods. */
  namespace: string;
  /** The public key of tickets, as FLEET_KEYS names it. */
  publicKey: string;
  /** This fleet's own region, and the URLs of the fleets of others. */
  region: string;
  elsewhere: ReadonlyMap<string, string>;
  addressOf(server: GameServer): string;
  /** Milliseconds since 1970. */
  now?(): number;
}

interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** Roles that may make the call; `anyone` needs no token, `node` the secret of the nodes. */
  readonly allowed: readonly Role[] | 'anyone' | 'node';
  /** Whether only the replica that leads can answer. */
  readonly isLeaders: boolean;
  answer(options: RoutesOptions, call: Call, parameters: readonly string[]): Promise<Reply> | Reply;
}

/** Lets pages of all sites measure how far away the fleet is. They learn nothing else. */
const FOR_PAGES = { 'access-control-allow-origin': '*', 'timing-allow-origin': '*' };

export const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: /^\/v1\/allocate$/,
    allowed: ['operator', 'matchmaker'],
    isLeaders: true,
    async answer({ allocator }, call) {
      return replyOf(await allocator.allocate(readRequest(await call.readBody(REQUEST_BYTES_MAX))));
    },
  },
  {
    method: 'DELETE',
    path: /^\/v1\/allocations\/([^/]+)$/,
    allowed: ['operator', 'matchmaker'],
    isLeaders: true,
    async answer({ allocator }, _call, [id = '']) {
      if (!RESERVATION_ID.test(id)) throw new NearlightError('NL_FLEET_REQUEST', 'the id is not one of a reservation');
      await allocator.release(id);
      return { status: 200 };
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/nodes\/([^/]+)$/,
    allowed: 'node',
    isLeaders: true,
    async answer({ servers }, call, [node = '']) {
      servers.takeReport(readNodeReport(node, await call.readBody(REPORT_BYTES_MAX)));
      return { status: 200 };
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/sessions$/,
    allowed: ['operator', 'viewer', 'matchmaker'],
    isLeaders: true,
    answer: ({ servers, allocator, addressOf, now = Date.now }, { url }) => {
      const game = url.searchParams.get('game') ?? undefined;
      const after = url.searchParams.get('after') ?? '';
      const known = [...servers.all()]
        .filter(
          ({ report, uid }) => report !== undefined && uid > after && (game === undefined || report.game === game),
        )
        .sort((a, b) => (a.uid < b.uid ? -1 : 1));
      const sessions = known
        .slice(0, LISTED_MAX)
        .map((server) => describe({ server, servers, address: addressOf(server), at: now() }));
      const next = known.length > LISTED_MAX ? { after: sessions.at(-1)?.uid } : {};
      return { status: 200, body: { sessions, waiting: allocator.waiting, ...next } };
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/nodes$/,
    allowed: ['operator', 'viewer'],
    isLeaders: true,
    answer: ({ servers }) => ({ status: 200, body: { nodes: servers.nodes } }),
  },
  {
    method: 'POST',
    path: /^\/v1\/servers\/([^/]+)\/(close|open)$/,
    allowed: ['operator'],
    isLeaders: true,
    async answer({ client, namespace, servers }, _call, [name = '', verb]) {
      const annotations = { [CLOSED_ANNOTATION]: verb === 'close' ? 'true' : null };
      try {
        servers.setPod(await client.patch(PODS, { namespace, name }, { metadata: { annotations } }));
      } catch (error) {
        if (!(error instanceof KubeError) || error.status !== NOT_FOUND) throw error;
        throw new NearlightError('NL_NOT_FOUND', `there is no pod ${name.slice(0, 100)} in ${namespace}`);
      }
      return { status: 200 };
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/keys$/,
    allowed: 'anyone',
    isLeaders: false,
    answer: ({ publicKey }) => ({
      status: 200,
      body: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: publicKey, alg: 'EdDSA', use: 'sig' }] },
    }),
  },
  {
    method: 'GET',
    path: /^\/v1\/regions$/,
    allowed: 'anyone',
    isLeaders: false,
    answer: ({ region, elsewhere }) => ({
      status: 200,
      headers: FOR_PAGES,
      body: { region, elsewhere: [...elsewhere].map(([name, url]) => ({ region: name, url })) },
    }),
  },
  {
    method: 'GET',
    path: /^\/v1\/ping$/,
    allowed: 'anyone',
    isLeaders: false,
    answer: () => ({ status: 200, headers: FOR_PAGES }),
  },
];

/** Finds the call that a request makes. @throws NearlightError NL_NOT_FOUND, NL_METHOD */
export function findRoute({ url, method }: Pick<Call, 'url' | 'method'>): { route: Route; parameters: string[] } {
  const found = ROUTES.flatMap((route) => {
    const match = route.path.exec(url.pathname);
    return match ? [{ route, parameters: match.slice(1).map(decode) }] : [];
  });
  if (found.length === 0)
    throw new NearlightError('NL_NOT_FOUND', `${url.pathname.slice(0, 100)}; host/fleet/FLEET.md lists the calls`);
  const fitting = found.find(({ route }) => route.method === method);
  if (!fitting) throw new NearlightError('NL_METHOD', found.map(({ route }) => route.method).join(', '));
  return fitting;
}

/** Checks who asks, and answers. @throws NearlightError */
export async function answerRoute(
  options: RoutesOptions,
  call: Call,
  { route, parameters }: ReturnType<typeof findRoute>,
): Promise<Reply> {
  const { callers } = options;
  if (route.allowed === 'node') callers.checkNode(call.bearer);
  else if (route.allowed !== 'anyone') await callers.check(call.bearer, route.allowed);
  return route.answer(options, call, parameters);
}

function replyOf(allocation: Allocation): Reply {
  const { kind, ...body } = allocation;
  switch (kind) {
    case 'seats':
      return { status: 200, body };
    case 'queue':
      return { status: 202, body, headers: { 'retry-after': '1' } };
    case 'elsewhere': {
      const { region, url } = allocation;
      const target = new URL('v1/allocate', url.endsWith('/') ? url : `${url}/`).href;
      return { status: 307, body: { region, url }, headers: { location: target } };
    }
  }
}

function describe(options: { server: GameServer; servers: Servers; address: string; at: number }) {
  const { server, servers, address, at } = options;
  const { report, uid, name, node } = server;
  return {
    uid,
    pod: name,
    node,
    region: servers.regionOf(server),
    address,
    game: report?.game ?? '',
    state: servers.stateOf(server),
    seats: { ...report?.seats, free: server.free(at), expected: server.expected(at) },
    isClosed: server.pod.metadata.annotations?.[CLOSED_ANNOTATION] === 'true',
    reservations: server.reservations,
    measures: report?.measures ?? {},
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new NearlightError('NL_FLEET_REQUEST', 'the address cannot be read');
  }
}
