import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { Clients, networkOf, plainAddress } from '../../host/stream/clients.ts';
import { AllowedHosts, readTarget } from '../../host/stream/hosts.ts';

test.each([
  ['127.0.0.1:8080', ''],
  ['[::1]:8080', ''],
  ['192.0.2.7', ''],
  ['localhost:1', ''],
  ['game.localhost', ''],
  [`${hostname()}:8080`, ''],
  ['PLAY.example', 'play.example'],
  ['play.example.:80', 'other,play.example'],
  ['a.b.example.org', '.example.org'],
  ['example.org', '.example.org'],
  ['attacker.test', '*'],
])('the host %s is served with ALLOWED_HOSTS=%s', (host, allowed) => {
  expect(new AllowedHosts(allowed).allows(host)).toBe(true);
});

test.each([
  ['attacker.test', ''],
  ['attacker.test:8080', 'play.example'],
  ['play.example.attacker.test', 'play.example'],
  ['notexample.org', '.example.org'],
  ['localhost.attacker.test', ''],
  ['127.0.0.1.attacker.test', ''],
  ['127.0.0.1@attacker.test', ''],
  ['attacker.test/127.0.0.1', ''],
  ['', ''],
])('the host %s is refused with ALLOWED_HOSTS=%s', (host, allowed) => {
  expect(new AllowedHosts(allowed).allows(host)).toBe(false);
});

const request = (headers: object, remoteAddress = '') => ({ headers, socket: { remoteAddress } }) as IncomingMessage;

test('a request is refused if its URL or its header names a strange host', () => {
  const hosts = new AllowedHosts('');
  const host = '127.0.0.1';
  hosts.check(request({ host }), readTarget('/whep?size=1x1'));
  hosts.check(request({ host }), readTarget('http://localhost/'));
  expect(() => hosts.check(request({ host }), readTarget('http://attacker.test/'))).toThrow('NL_HOST');
  expect(() => hosts.check(request({ host: 'attacker.test' }), readTarget('/'))).toThrow('NL_HOST');
  expect(() => hosts.check(request({}), readTarget('/'))).toThrow('NL_HOST');
});

test('the target of a request is a path or a URL', () => {
  expect(readTarget('//attacker.test/a?b').pathname).toBe('//attacker.test/a');
  expect(readTarget('http://a.example/b').host).toBe('a.example');
  for (const target of ['http://[', '', '*', 'attacker.test:80', 'ftp://a/', 'http://a:99999/'])
    expect(() => readTarget(target), target).toThrow('NL_REQUEST');
});

test.each([
  ['203.0.113.9', '198.51.100.1', '', '203.0.113.9'],
  ['203.0.113.9', '198.51.100.1', '10.0.0.0/8', '203.0.113.9'],
  ['10.1.2.3', '198.51.100.1', '10.0.0.0/8', '198.51.100.1'],
  ['::ffff:10.1.2.3', '6.6.6.6, 198.51.100.1', '10.0.0.0/8', '198.51.100.1'],
  ['10.1.2.3', '6.6.6.6, 198.51.100.1, 10.9.9.9', '10.0.0.0/8', '198.51.100.1'],
  ['10.1.2.3', 'nonsense', '10.0.0.0/8', '10.1.2.3'],
  ['fd00::1', '2001:db8:1:2:3::4', 'fd00::/8', '2001:db8:1:2::'],
])('a client at %s with X-Forwarded-For: %s behind TRUSTED_PROXIES=%s counts as %s', (from, header, proxies, key) => {
  expect(new Clients(proxies).keyOf(request({ 'x-forwarded-for': header }, from))).toBe(key);
});

test('addresses are reduced to what is counted', () => {
  expect(plainAddress('fe80::1%eth0')).toBe('fe80::1');
  expect(plainAddress('::FFFF:1.2.3.4')).toBe('1.2.3.4');
  expect(networkOf('1.2.3.4')).toBe('1.2.3.4');
  expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0::');
  expect(networkOf('2001:0DB8:0:0:ffff::1')).toBe('2001:db8:0:0::');
  expect(networkOf('::1')).toBe('0:0:0:0::');
});
