import { expect, test } from 'vitest';
import { readRules } from '../../host/base/setting.ts';

const RULES = 'a list of at most 16 risk rules such as closed:/etc/nearlight/velocity.wasm,open:region.wasm';

import { readConfig, readDuration, readPeers, readPorts } from '../../host/base/config.ts';

const PEERS = 'a list of at most 64 hosts such as west=http://10.0.0.2:9465/|https://west.example/';
/** Returns a list of hosts. */
function peers(count: number): string {
  return Array.from({ length: count }, (_, n) => `n${n}=http://10.0.0.2:9465/|https://west.example/`).join();
}

test.each([
  ['ICE_ADDRESS', '203.0.113.7'],
  ['ICE_ADDRESS', '2001:db8::1'],
  ['NODE_ADDRESS', ''],
  ['ALLOWED_ORIGINS', 'https://play.example,http://10.0.0.1:8080'],
  ['ALLOWED_ORIGINS', '*'],
  ['TURN_URLS', 'turn:turn.example:3478?transport=udp,turns:[2001:db8::1]:5349,stun:stun.example'],
  ['NODE_UDP_PORTS', '31000-31999'],
  ['NODE_UDP_PORTS', '1-1'],
  ['NODE_UDP_PORTS', '65535-65535'],
  ['EDGE_SOCKET', '/run/nearlight-edge/edge.sock'],
  ['EDGE_SOCKET', `/${'s'.repeat(106)}`],
  ['NATS_URL', 'nats://10.0.0.1:4222'],
  ['NATS_URL', 'tls://user:p%40ss@nats.example, nats://[2001:db8::1]:4222'],
  ['REQUIRED_LAYERS', 'none'],
  ['SYNC_INTERVAL', '1s'],
  ['SYNC_INTERVAL', '24h'],
  ['SINK_URL', 'https://centre.example/events'],
  ['REQUIRED_LAYERS', 'seccomp, emptyRoot'],
  ['ADMISSION', 'open'],
  ['ADMISSION', 'token'],
  ['OIDC_ISSUER', 'https://issuer.example/realms/games'],
  ['OIDC_ROLE_CLAIM', 'realm_access.roles'],
  ['OIDC_ROLE_CLAIM', 'games:role'],
  ['POLICY_FAIL_OPEN', 'none'],
  ['POLICY_FAIL_OPEN', 'gaming,game'],
  ['RISK_RULES', ''],
  ['RISK_RULES', 'closed:/etc/rules/a b.wasm, open:c:d.wasm'],
  ['RISK_RULES', Array(16).fill('open:a.wasm').join()],
  ['MOVE_NAME', 'west-1.example'],
  ['MOVE_NAME', 'a'.repeat(63)],
  [
    'MOVE_PEERS',
    'west=http://10.0.0.2:9465/|https://west.example/, north=http://[2001:db8::1]:9465|https://a.example/b',
  ],
  ['MOVE_PEERS', peers(64)],
  ['FLEET_KEYS', Array(8).fill('x'.repeat(43)).join()],
  ['FLEET_NODE_TOKEN', '!'.repeat(16)],
  ['FLEET_NODE_TOKEN', '~'.repeat(512)],
  ['NODE_NAME', 'n'.repeat(253)],
  ['POD_UID', 'u'.repeat(64)],
  ['FLEET_ADDRESS', 'https://{pod}.play.example:8443/{node}'],
  ['FLEET_REGIONS', 'us=https://us.example/, eu.west-1=http://10.0.0.1/fleet'],
])('the setting %s=%s is accepted', (name, value) => {
  expect(Object.values(readConfig({ [name]: value }))).toContain(value);
});

test.each([
  ['ICE_ADDRESS', 'node.example', 'an IPv4 or IPv6 address'],
  ['ICE_ADDRESS', '1.2.3.256', 'an IPv4 or IPv6 address'],
  ['NODE_ADDRESS', 'fe80::1%eth0', 'an IPv4 or IPv6 address'],
  ['ALLOWED_ORIGINS', 'play.example', 'a list of origins such as https://play.example,http://10.0.0.1:8080, or *'],
  ['ALLOWED_ORIGINS', 'https://a.b/', 'a list of origins such as https://play.example,http://10.0.0.1:8080, or *'],
  ['EDGE_SOCKET', 'edge.sock', 'the absolute path of a Unix socket'],
  ['EDGE_SOCKET', '/run/', 'the absolute path of a Unix socket'],
  ['EDGE_SOCKET', `/${'s'.repeat(107)}`, 'the absolute path of a Unix socket'],
  ['NATS_URL', '10.0.0.1:4222', 'a list of URLs such as nats://10.0.0.1:4222'],
  ['NATS_URL', 'http://10.0.0.1:4222', 'a list of URLs such as nats://10.0.0.1:4222'],
  ['NATS_URL', 'nats://10.0.0.1:4222/path', 'a list of URLs such as nats://10.0.0.1:4222'],
  ['NATS_URL', 'nats://a,', 'a list of URLs such as nats://10.0.0.1:4222'],
  ['TURN_URLS', 'turn.example', 'a list of URLs such as turn:turn.example:3478?transport=udp,stun:stun.example'],
  [
    'TURN_URLS',
    'stun:a?transport=udp',
    'a list of URLs such as turn:turn.example:3478?transport=udp,stun:stun.example',
  ],
  ['TURN_URLS', 'turn:a"b', 'a list of URLs such as turn:turn.example:3478?transport=udp,stun:stun.example'],
  ['NODE_UDP_PORTS', '31000', 'a range of ports such as 31000-31999'],
  ['NODE_UDP_PORTS', '0-10', 'a range of ports such as 31000-31999'],
  ['NODE_UDP_PORTS', '11-10', 'a range of ports such as 31000-31999'],
  ['NODE_UDP_PORTS', '65535-65536', 'a range of ports such as 31000-31999'],
  ['REQUIRED_LAYERS', 'seccomp,none', 'a list of layers of confinement (host/base/layers.ts), or none'],
  ['REQUIRED_LAYERS', 'Seccomp', 'a list of layers of confinement (host/base/layers.ts), or none'],
  ['ADMISSION', 'closed', 'open or token'],
  ['OIDC_ISSUER', 'issuer.example', 'an http or https URL without a user, a query or a fragment'],
  ['OIDC_ISSUER', 'https://a:b@issuer.example', 'an http or https URL without a user, a query or a fragment'],
  ['OPA_URL', 'http://127.0.0.1:8181/?x=1', 'an http or https URL without a user, a query or a fragment'],
  ['OIDC_ROLE_CLAIM', 'a.b.c.d.e', 'the name of a claim, or names of nested claims with dots between them'],
  ['OIDC_ROLE_CLAIM', 'two words', 'the name of a claim, or names of nested claims with dots between them'],
  ['POLICY_FAIL_OPEN', 'gamming', 'none, gaming, game or gaming,game'],
  ['TOKEN_BYTES_MAX', '511', 'a whole number from 512 to 14336'],
  ['RISK_RULES', 'a.wasm', RULES],
  ['RISK_RULES', 'open:', RULES],
  ['RISK_RULES', 'shut:a.wasm', RULES],
  ['RISK_RULES', 'open:a.wasm,', RULES],
  ['RISK_RULES', Array(17).fill('open:a.wasm').join(), RULES],
  ['MOVE_NAME', 'West', 'a name of lower-case letters, digits, dots and hyphens, with 63 characters at most'],
  ['MOVE_NAME', 'a'.repeat(64), 'a name of lower-case letters, digits, dots and hyphens, with 63 characters at most'],
  ['MOVE_PEERS', 'west', PEERS],
  ['MOVE_PEERS', 'west=http://10.0.0.2:9465/', PEERS],
  ['MOVE_PEERS', 'west=http://user:word@10.0.0.2/|https://west.example/', PEERS],
  ['MOVE_PEERS', 'west=http://10.0.0.2/|west.example', PEERS],
  ['MOVE_PEERS', `${peers(1)},${peers(1)}`, PEERS],
  ['MOVE_PEERS', peers(65), PEERS],
  ['FLEET_KEYS', 'x'.repeat(42), 'a list of at most 8 public keys'],
  ['FLEET_KEYS', Array(9).fill('x'.repeat(43)).join(), 'a list of at most 8 public keys'],
  ['FLEET_NODE_TOKEN', 'x'.repeat(15), 'a secret of 16 to 512 visible characters'],
  ['FLEET_NODE_TOKEN', 'x'.repeat(513), 'a secret of 16 to 512 visible characters'],
  ['NODE_NAME', 'n'.repeat(254), 'a name as Kubernetes gives them'],
  ['NODE_NAME', 'N1', 'a name as Kubernetes gives them'],
  ['POD_UID', 'u'.repeat(65), 'the id of a pod'],
  ['FLEET_ADDRESS', 'https://play.example/', 'an http or https URL with {ip}, {pod} or {node} in it'],
  ['FLEET_ADDRESS', '{ip}:8080', 'an http or https URL with {ip}, {pod} or {node} in it'],
  ['FLEET_REGIONS', 'us', 'a list of at most 64 regions'],
  ['FLEET_REGIONS', 'us=https://a.example/,us=https://b.example/', 'a list of at most 64 regions'],
  ['FLEET_REGIONS', 'US=https://a.example/', 'a list of at most 64 regions'],
  ['MOVE_STEP_MS_MAX', '9', 'a whole number from 10 to 10000'],
  ['RISK_MS_MAX', '0', 'a whole number from 1 to 10000'],
  ['RISK_MS_MAX', '10001', 'a whole number from 1 to 10000'],
  ['SYNC_INTERVAL', '0s', 'a time from 1s to 24h, such as 60s or 5m'],
  ['SYNC_INTERVAL', '1441m', 'a time from 1s to 24h, such as 60s or 5m'],
  ['SYNC_INTERVAL', '60', 'a time from 1s to 24h, such as 60s or 5m'],
  ['SINK_URL', 'ftp://centre.example/', 'a URL such as https://centre.example/events, without a password'],
  ['SINK_URL', 'https://user:word@centre.example/', 'a URL such as https://centre.example/events, without a password'],
  ['ICE_PORT', '65536', 'a whole number from 0 to 65535'],
])('the setting %s=%s is refused', (name, value, form) => {
  const message = `NL_SETTING: A setting is out of its bounds: ${name}=${value} is not ${form}`;
  expect(() => readConfig({ [name]: value })).toThrow(message);
});

test('a range of ports is read as its first and its last port', () => {
  expect(readPorts('31000-31999')).toEqual({ first: 31_000, last: 31_999 });
  expect(readPorts('')).toBeUndefined();
});

test('a list of risk rules is read as files, each with what it does when it fails', () => {
  expect(readRules('closed:/etc/a.wasm, open:b:c.wasm')).toEqual([
    { path: '/etc/a.wasm', onFailure: 'closed' },
    { path: 'b:c.wasm', onFailure: 'open' },
  ]);
  expect(readRules('')).toEqual([]);
});

test('a list of hosts is read as their names and URLs', () => {
  expect(readPeers('west=http://10.0.0.2:9465/|https://west.example/')).toEqual([
    { name: 'west', url: 'http://10.0.0.2:9465/', pages: 'https://west.example/' },
  ]);
  expect(readPeers('')).toEqual([]);
});

test('a duration is read as milliseconds', () => {
  expect(['60s', '5m', '2h'].map(readDuration)).toEqual([60_000, 300_000, 7_200_000]);
});
