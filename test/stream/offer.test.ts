import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { readOffer } from '../../host/stream/offer.ts';
import { AUDIO_LINES as AUDIO, OFFER_LINES as LINES, SOUND_LINES as SOUND } from './offer.ts';

const LINE_MAX = 1024;

const playoutDelay = must(
  LINES.find((line) => line.endsWith('/playout-delay')),
  'playout delay',
);

function read(lines: readonly string[]) {
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

/** Returns the SDP offer with another payload type for repair packets. */
function withTypes(type: string): string[] {
  return LINES.map((line) =>
    line.replace('108 109 49', `108 109 ${type}`).replace('a=rtpmap:49 ', `a=rtpmap:${type} `),
  );
}

/** The same for an offer without VP8. */
function withoutVp8(start: string, replacement: string): string[] {
  return changed(start, replacement).filter((line) => !line.includes('VP8'));
}

/** Returns lines of an offer with `line` in place of each one that starts with `start`. */
function changedIn(lines: readonly string[], start: string, line: string): string[] {
  const result = lines.map((old) => (old.startsWith(start) ? line : old));
  expect(result).not.toEqual(lines);
  return result;
}

test('an offer may ask for sound, and need not', () => {
  const { audio, sdp } = read(SOUND);
  expect(audio).toEqual({
    mid: '2',
    payloadType: 111,
    formatParameters: 'minptime=10;stereo=1;sprop-stereo=1',
    redundantType: 63,
  });
  expect(sdp).toContain('m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n');
  expect(sdp).toContain('a=group:BUNDLE 0 1 2\r\n');
  expect(sdp).not.toContain('G722');
  expect(readOffer(sdp, { offerLineBytesMax: LINE_MAX })).toEqual(read(SOUND));
  expect(read(LINES).audio).toBeUndefined();
});

test.each([['a=sendrecv'], ['a=ptime:20']])(
  'a client may offer %s instead of a=recvonly, and still only receives',
  (line) => {
    expect(read(changedIn(LINES, 'a=recvonly', line))).toEqual(read(LINES));
    expect(read(changedIn(SOUND, 'a=recvonly', line))).toEqual(read(SOUND));
  },
);

test('the fingerprint with SHA-256 counts, wherever it stands among others', () => {
  const own = LINES.find((line) => line.startsWith('a=fingerprint')) ?? '';
  const other = `a=fingerprint:sha-512 ${Array(64).fill('B1').join(':')}`;
  expect(read(changed('a=fingerprint', other, own))).toEqual(read(LINES));
  expect(read(changed('a=fingerprint', own, other))).toEqual(read(LINES));
  expect(() => read(changed('a=fingerprint', other))).toThrow('a=fingerprint');
});

test('redundant Opus is used only if it repeats Opus', () => {
  expect(read(changedIn(SOUND, 'a=fmtp:63', 'a=fmtp:63 9/9')).audio?.redundantType).toBe(0);
  expect(read(changedIn(SOUND, 'a=rtpmap:63', 'a=rtpmap:63 CN/48000')).audio?.redundantType).toBe(0);
});

test('the section for sound may come first', () => {
  const video = LINES.findIndex((line) => line.startsWith('m=video'));
  const transport = LINES.filter((line) => /^a=(ice-|fingerprint|setup)/.test(line)).slice(0, 5);
  const head = SOUND.slice(0, video);
  const { sdp } = read([...head, ...AUDIO, ...transport, ...LINES.slice(video)]);
  expect(sdp.indexOf('m=audio')).toBeLessThan(sdp.indexOf('m=video'));
});

test("an offer like Chromium's is read", () => {
  const offer = read(LINES);
  expect(offer).toMatchObject({
    mid: '0',
    codec: 'h264',
    payloadType: 108,
    formatParameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1',
    extensions: { playoutDelay: 5, absoluteSendTime: 2, transportSequence: 3 },
    rtxPayloadType: 109,
    repairPayloadType: 49,
  });
  expect(offer.sdp).toContain('m=video 9 UDP/TLS/RTP/SAVPF 108 109 49\r\n');
  expect(offer.sdp).not.toMatch(/candidate|VP8|toffset/);
});

test('an offer without data channels is that of a spectator, and need not be bundled if it has video alone', () => {
  const alone = LINES.slice(0, application);
  const bare = alone.filter((line) => !line.startsWith('a=group'));
  for (const lines of [alone, bare]) expect(read(lines)).toMatchObject({ watches: true, mid: '0' });
  expect(read([...alone, ...AUDIO].map((line) => line.replace('BUNDLE 0 1', 'BUNDLE 0 2')))).toMatchObject({
    watches: true,
    audio: { mid: '2' },
  });
  expect(read(LINES).watches).toBe(false);
});

test('the rebuilt offer is read as the same offer', () => {
  const offer = read(LINES);
  expect(readOffer(offer.sdp, { offerLineBytesMax: LINE_MAX })).toEqual(offer);
});

test('lines of an offer may end without a carriage return', () => {
  expect(readOffer(LINES.join('\n'), { offerLineBytesMax: LINE_MAX })).toEqual(read(LINES));
});

test('VP8 is chosen if H.264 is not offered, with its own repeated packets', () => {
  const lines = changed('a=rtpmap:10', 'a=rtpmap:108 VP9/90000');
  const offer = read(
    [...lines.slice(0, application), 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96', ...lines.slice(application)].map(
      (line) => line.replace('SAVPF 96', 'SAVPF 96 97'),
    ),
  );
  expect(offer).toMatchObject({ codec: 'vp8', payloadType: 96, formatParameters: '', rtxPayloadType: 97 });
  expect(offer.sdp).toContain('a=rtpmap:96 VP8/90000\r\n');
  expect(offer.sdp).not.toMatch(/a=fmtp:96|H264/);
  expect(readOffer(offer.sdp, { offerLineBytesMax: LINE_MAX })).toEqual(offer);
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
  const transport = (lines: readonly string[]) => read(lines).extensions.transportSequence;
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

test.each([
  ['none', changed('a=rtpmap:49'), 0],
  ['the last version', changed('a=rtpmap:49', 'a=rtpmap:49 flexfec/90000'), 0],
  ['a type that the section does not list', changed('m=video', 'm=video 9 UDP/TLS/RTP/SAVPF 96 102 106 108 109'), 0],
  ['a type that is too small', changed('a=rtpmap:49', 'a=rtpmap:34 flexfec-03/90000'), 0],
  ['the smallest type', withTypes('35'), 35],
  ['the largest type', withTypes('127'), 127],
  ['a type that is too large', withTypes('128'), 0],
])('repair packets are sent if the page offers to take them: %s', (_, lines, type) => {
  const offer = read(lines);
  expect(offer.repairPayloadType).toBe(type);
  expect(offer.sdp.includes('flexfec-03')).toBe(type > 0);
  expect(readOffer(offer.sdp, { offerLineBytesMax: LINE_MAX })).toEqual(offer);
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
  ['two videos', [...LINES, ...LINES.slice(video, application)], /more than one video/],
  ['a section of another kind', [...LINES, 'm=text 9 UDP/TLS/RTP/SAVPF 111'], /sections for video, sound and data/],
  ['two sections for sound', [...SOUND, ...AUDIO], /more than one audio section/],
  ['sound that is not bundled', changedIn(SOUND, 'a=group', 'a=group:BUNDLE 0 1'), /not bundled/],
  ['sound with the name of the video', changedIn(SOUND, 'a=mid:2', 'a=mid:0'), /not bundled/],
  ['sound for sending', [...LINES, ...AUDIO.map((line) => line.replace('recvonly', 'sendonly'))], /does not receive/],
  ['sound without RTCP on the same port', [...LINES, ...AUDIO.filter((line) => line !== 'a=rtcp-mux')], /a=rtcp-mux/],
  ['unencrypted sound', changedIn(SOUND, 'm=audio', 'm=audio 9 RTP/AVP 111'), /not a section for audio/],
  ['sound without Opus', changedIn(SOUND, 'a=rtpmap:111', 'a=rtpmap:111 PCMU/8000'), /has no Opus/],
  ['Opus that the section does not list', changedIn(SOUND, 'm=audio', 'm=audio 9 UDP/TLS/RTP/SAVPF 63'), /has no Opus/],
  ['a line without a type', [...LINES, 'hello'], /form "x=value"/],
  ['a line with a control character', [...LINES, 'a=x\u0000y'], /printable ASCII/],
  ['a video section for sending', changed('a=recvonly', 'a=sendonly'), /does not receive/],
  ['an inactive video section', changed('a=recvonly', 'a=inactive'), /does not receive/],
  ['no RTCP on the same port', changed('a=rtcp-mux'), /a=rtcp-mux/],
  ['unencrypted video', changed('m=video', 'm=video 9 RTP/AVP 108'), /not a section for video/],
  [
    'data over something else',
    changed('m=application', 'm=application 9 TCP/FOO bar'),
    /not a section for data channels/,
  ],
  ['neither H.264 nor VP8', withoutVp8('a=rtpmap:1', 'a=rtpmap:108 VP9/90000'), /neither H\.264/],
  [
    'H.264 with another packetization mode',
    withoutVp8('a=fmtp:1', 'a=fmtp:108 profile-level-id=42e01f'),
    /neither H\.264/,
  ],
  [
    'H.264 with another profile',
    withoutVp8('a=fmtp:1', 'a=fmtp:108 packetization-mode=1;profile-level-id=640c1f'),
    /neither H\.264/,
  ],
  [
    'payload types that the section does not list',
    changed('m=video', 'm=video 9 UDP/TLS/RTP/SAVPF 97'),
    /neither H\.264/,
  ],
  [
    'a spectator without H.264',
    changed('a=rtpmap:1', 'a=rtpmap:108 VP9/90000').slice(0, application),
    /to watch takes H\.264/,
  ],
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
