import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { readIceServers } from '../../host/player/ice-servers.ts';
import { iceServerLinks } from '../../host/stream/turn.ts';

test('the page reads the servers that the host writes', () => {
  const turnUrls = 'turn:turn.example:3478?transport=udp,turns:[2001:db8::1]:5349,stun:stun.example';
  const links = iceServerLinks({ turnUrls, turnSecret: 'key' }, milli(0));
  const [first, second, third] = readIceServers(links.join(', '));
  expect(first).toMatchObject({ urls: 'turn:turn.example:3478?transport=udp', username: '43200' });
  expect(first?.credential).toMatch(/^[\w+/]{27}=$/);
  expect(second?.urls).toBe('turns:[2001:db8::1]:5349');
  expect(third).toEqual({ urls: 'stun:stun.example' });
});

test.each([
  ['no header', null],
  ['an empty header', ''],
  ['another relation', '<turn:a>; rel="next"'],
  ['another scheme', '<https://a>; rel="ice-server"'],
  ['no relation', '<turn:a>'],
  ['no brackets', 'turn:a; rel="ice-server"'],
])('%s gives no server', (_, link) => expect(readIceServers(link)).toEqual([]));

test('entries of other relations, blanks and values without quotes do no harm', () => {
  const link = '</style.css>; rel=preload , <turn:a> ; username="x, y; z" ; REL=ice-server;credential="c"';
  expect(readIceServers(link)).toEqual([{ urls: 'turn:a', username: 'x, y; z', credential: 'c' }]);
});
