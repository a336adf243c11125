import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { readOffer } from '../../host/stream/offer.ts';

const LINE_MAX = 1024;

/** Lines of an SDP offer like Chromium's, with fewer codecs. */
const LINES = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'a=extmap-allow-mixed',
  'a=msid-semantic: WMS',
  'm=video 9 UDP/TLS/RTP/SAVPF 96 102 106 108 109',
  'c=IN IP4 0.0.0.0',
  'a=rtcp:9 IN IP4 0.0.0.0',
  'a=candidate:1 1 udp 2113937151 2c1b.local 51472 typ host generation 0',
  'a=ice-ufrag:Zx9+',
  'a=ice-pwd:0123456789abcdefABCDEF+/',
  'a=ice-options:trickle',
  `a=fingerprint:sha-256 ${Array(32).fill('A0').join(':')}`,
  'a=setup:actpass',
  'a=mid:0',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:toffset',
  'a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'a=recvonly',
  'a=rtcp-mux',
  'a=rtcp-rsize',
  'a=rtpmap:96 VP8/90000',
  'a=rtpmap:102 H264/90000',
  'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f',
  'a=rtpmap:106 H264/90000',
  'a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f',
  'a=rtpmap:108 H264/90000',
  'a=rtcp-fb:108 goog-remb',
  'a=rtcp-fb:108 transport-cc',
  'a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
  'a=rtpmap:109 rtx/90000',
  'a=fmtp:109 apt=108',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:Zx9+',
  'a=ice-pwd:0123456789abcdefABCDEF+/',
  'a=setup:actpass',
  'a=mid:1',
  'a=sctp-port:5000',
  'a=max-message-size:262144',
];

const playoutDelay = must(
  LINES.find((line) => line.endsWith('/playout-delay')),
  'playout delay',
);

function read(lines: string[]) {
  return readOffer(`${lines.join('\r\n')}\r\n`, {
    offerLineBytesMax: LINE_MAX,
  });
}

/** Returns the SDP offer with `lines` in place of each line that starts with `start`. */
function changed(start: string, ...lines: string[]): string[] {
  const result = LINES.flatMap((line) => (line.startsWith(start) ? lines : [line]));
  expect(result).not.toEqual(LINES);
  return result;
}

test("an offer like Chromium's is read", () => {
  const offer = read(LINES);
  expect(offer).toMatchObject({
    mid: '0',
    payloadType: 108,
    formatParameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1',
    extensions: { playoutDelay: 5, absoluteSendTime: 2, transportSequence: 3 },
    rtxPayloadType: 109,
  });
  expect(offer.sdp).toContain('m=video 9 UDP/TLS/RTP/SAVPF 108 109\r\n');
  expect(offer.sdp).not.toMatch(/candidate|VP8|toffset/);
});

test('the rebuilt offer is read as the same offer', () => {
  const offer = read(LINES);
  expect(readOffer(offer.sdp, { offerLineBytesMax: LINE_MAX })).toEqual(offer);
});

test('lines of an offer may end without a carriage return', () => {
  expect(readOffer(LINES.join('\n'), { offerLineBytesMax: LINE_MAX })).toEqual(read(LINES));
});

test("H.264's baseline profile is chosen if constrained baseline is not offered", () => {
  expect(read(changed('a=fmtp:108'))).toMatchObject({ payloadType: 102 });
});

test('an offer may lack the playout-delay extension, or give it an id that is too large', () => {
  expect(read(changed('a=extmap:5')).extensions.playoutDelay).toBe(0);
  expect(read(changed('a=extmap:5', playoutDelay.replace(':5', ':15'))).extensions.playoutDelay).toBe(0);
  expect(read(changed('a=extmap:5', playoutDelay.replace(':5', ':14'))).extensions.playoutDelay).toBe(14);
});

test('packets are counted on the whole transport only if the page reports their arrival', () => {
  const transport = (lines: string[]) => read(lines).extensions.transportSequence;
  expect(transport(LINES)).toBe(3);
  expect(transport(changed('a=extmap:3'))).toBe(0);
  expect(transport(changed('a=rtcp-fb:108 transport-cc'))).toBe(0);
  expect(transport(changed('a=rtcp-fb:108 transport-cc', 'a=rtcp-fb:102 transport-cc'))).toBe(0);
  expect(transport(changed('a=rtcp-fb:108 transport-cc', 'a=rtcp-fb:* transport-cc'))).toBe(3);
});

test('two header extensions cannot have the same id', () => {
  const twice = changed(
    'a=extmap:3',
    'a=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  );
  expect(read(twice).extensions).toEqual({ playoutDelay: 5, absoluteSendTime: 2, transportSequence: 0 });
});

test.each([
  ['no format', changed('a=rtpmap:109'), 0],
  ['no parameters', changed('a=fmtp:109'), 0],
  ['another format', changed('a=fmtp:109', 'a=fmtp:109 apt=102'), 0],
  ['a time limit', changed('a=fmtp:109', 'a=fmtp:109 apt=108;rtx-time=3000'), 109],
  ['a type that the section does not list', changed('m=video', 'm=video 9 UDP/TLS/RTP/SAVPF 96 102 106 108'), 0],
])('packets are sent again on a stream of their own if the page offers it: %s', (_, lines, type) => {
  expect(read(lines).rtxPayloadType).toBe(type);
});

test('the section for data channels may come before that for video', () => {
  const application = LINES.findIndex((line) => line.startsWith('m=application'));
  const video = LINES.findIndex((line) => line.startsWith('m=video'));
  const fingerprint = LINES.find((line) => line.startsWith('a=fingerprint')) ?? '';
  const lines = [
    ...LINES.slice(0, video),
    ...LINES.slice(application),
    fingerprint,
    ...LINES.slice(video, application),
  ];
  const { sdp } = read(lines);
  expect(sdp.indexOf('m=application')).toBeLessThan(sdp.indexOf('m=video'));
});

test('an offer is refused if one of its lines is one character too long', () => {
  expect(() => read([...LINES, `a=${'x'.repeat(LINE_MAX - 2)}`])).not.toThrow();
  expect(() => read([...LINES, `a=${'x'.repeat(LINE_MAX - 1)}`])).toThrow(/1025 characters, but only 1024 are allowed/);
});

const video = LINES.findIndex((line) => line.startsWith('m=video'));
const application = LINES.findIndex((line) => line.startsWith('m=application'));

const malformed: [string, string[], RegExp][] = [
  ['an empty text', [''], /not SDP/],
  ['JSON', ['{"type":"offer"}'], /not SDP/],
  ['a header alone', LINES.slice(0, video), /no video section/],
  ['no video', [...LINES.slice(0, video), ...LINES.slice(application)], /no video section/],
  ['no data channels', LINES.slice(0, application), /no section for data channels/],
  ['two videos', [...LINES, ...LINES.slice(video, application)], /more than one video/],
  ['an audio section', [...LINES, 'm=audio 9 UDP/TLS/RTP/SAVPF 111'], /only two sections/],
  ['a line without a type', [...LINES, 'hello'], /form "x=value"/],
  ['a line with a control character', [...LINES, 'a=x\u0000y'], /printable ASCII/],
  ['a video section for sending', changed('a=recvonly', 'a=sendonly'), /receive-only/],
  ['video in both directions', changed('a=recvonly', 'a=sendrecv'), /receive-only/],
  ['no direction', changed('a=recvonly'), /receive-only/],
  ['no RTCP on the same port', changed('a=rtcp-mux'), /a=rtcp-mux/],
  ['unencrypted video', changed('m=video', 'm=video 9 RTP/AVP 108'), /not a section for video/],
  [
    'data over something else',
    changed('m=application', 'm=application 9 TCP/FOO bar'),
    /not a section for data channels/,
  ],
  ['no H.264', changed('a=rtpmap:1', 'a=rtpmap:108 VP9/90000'), /no H\.264/],
  ['H.264 with another packetization mode', changed('a=fmtp:1', 'a=fmtp:108 profile-level-id=42e01f'), /no H\.264/],
  [
    'H.264 with another profile',
    changed('a=fmtp:1', 'a=fmtp:108 packetization-mode=1;profile-level-id=640c1f'),
    /no H\.264/,
  ],
  ['a payload type that the section does not list', changed('m=video', 'm=video 9 UDP/TLS/RTP/SAVPF 96'), /no H\.264/],
  ['no bundle', changed('a=group'), /not bundled/],
  ['a bundle of one', changed('a=group', 'a=group:BUNDLE 0'), /not bundled/],
  ['the same name for both sections', changed('a=mid:1', 'a=mid:0'), /not bundled/],
  ['no name', changed('a=mid:0'), /no valid name/],
  ['a name with a quote', changed('a=mid:0', 'a=mid:"'), /no valid name/],
  ['no fingerprint', changed('a=fingerprint'), /a=fingerprint/],
  ['a weak fingerprint', changed('a=fingerprint', 'a=fingerprint:sha-1 AA:BB'), /a=fingerprint/],
  ['no password', changed('a=ice-pwd'), /a=ice-pwd/],
  ['a short password', changed('a=ice-pwd', 'a=ice-pwd:123456789012345678901'), /a=ice-pwd/],
  ['a long user fragment', changed('a=ice-ufrag', `a=ice-ufrag:${'x'.repeat(257)}`), /a=ice-ufrag/],
  ['the role of an answer', changed('a=setup', 'a=setup:active'), /a=setup/],
  ['no SCTP port', changed('a=sctp-port'), /a=sctp-port/],
  ['SCTP port 65536', changed('a=sctp-port', 'a=sctp-port:65536'), /a=sctp-port/],
  [
    'a message size that is not a number',
    changed('a=max-message-size', 'a=max-message-size:big'),
    /a=max-message-size/,
  ],
];

test.each(malformed)('%s is refused', (_, lines, message) => {
  const failure = (() => {
    try {
      return read(lines);
    } catch (error) {
      return error;
    }
  })();
  expect(failure).toBeInstanceOf(NearlightError);
  expect(failure).toMatchObject({
    code: 'NL_OFFER',
    message: expect.stringMatching(message),
  });
});
