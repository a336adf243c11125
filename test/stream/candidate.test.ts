import { expect, test } from 'vitest';
import { defaultAddress, endpointsOf, replaceCandidates, ufragOf } from '../../host/stream/candidate.ts';

const lines = (...all: string[]) => all.map((line) => `${line}\r\n`).join('');
const answer = (...candidates: string[]) =>
  lines(
    'v=0',
    'm=video 5000 UDP/TLS/RTP/SAVPF 102',
    'a=ice-ufrag:h/SY',
    'a=ice-pwd:7fSJ2LHave8L31WMcYbgqr',
    ...candidates,
    'm=application 5000 UDP/DTLS/SCTP webrtc-datachannel',
    'a=ice-ufrag:h/SY',
    'a=ice-pwd:7fSJ2LHave8L31WMcYbgqr',
  );
const OWN = [
  'a=candidate:2 1 UDP 2116026111 fd00::2 5000 typ host',
  'a=candidate:1 1 UDP 2114977791 192.0.2.2 5000 typ host',
];
const END = 'a=end-of-candidates';
const more = [
  { address: '203.0.113.7', port: 5000 },
  { address: '2001:db8::1', port: 31_000 },
];

test('ICE candidates take the place of all others in an answer, the first with the highest priority', () => {
  const replaced = answer(
    'a=candidate:nearlight0 1 UDP 2113929983 203.0.113.7 5000 typ host',
    'a=candidate:nearlight1 1 UDP 2113929727 2001:db8::1 31000 typ host',
    END,
  );
  expect(replaceCandidates(answer(...OWN, END), more)).toBe(replaced);
  expect(replaceCandidates(answer(END), more)).toBe(replaced);
  expect(endpointsOf(replaced)).toEqual(more);
  expect(replaceCandidates(answer(...OWN, END), [])).toBe(answer(END));
});

test('a TCP candidate says that the page opens the connection, and every UDP candidate comes before it', () => {
  const endpoints = [
    { address: '203.0.113.7', port: 8080, protocol: 'TCP' as const },
    { address: '203.0.113.7', port: 5000 },
  ];
  expect(replaceCandidates(answer(END), endpoints)).toBe(
    answer(
      'a=candidate:nearlight0 1 TCP 1509950207 203.0.113.7 8080 typ host tcptype passive',
      'a=candidate:nearlight1 1 UDP 2113929727 203.0.113.7 5000 typ host',
      END,
    ),
  );
});

test('the addresses and the ICE user fragment of an answer are read', () => {
  expect(endpointsOf(answer(...OWN, END))).toEqual([
    { address: 'fd00::2', port: 5000 },
    { address: '192.0.2.2', port: 5000 },
  ]);
  expect(ufragOf(answer())).toBe('h/SY');
  expect(ufragOf('v=0\r\n')).toBeUndefined();
});

test("the machine's default address is neither loopback nor link-local", () => {
  expect(defaultAddress() ?? '192.0.2.1').not.toMatch(/^(127\.|::1$|fe80:)/);
});
