import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';

/** Name of the header extension that bounds the receiver's delay. */
export const PLAYOUT_DELAY = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';
/** The largest id that a one-byte header extension can have (RFC 8285, 4.2). */
const EXTENSION_ID_MAX = 14;
const MESSAGE_BYTES_DEFAULT = 65_536;
const MESSAGE_BYTES_MAX = 262_144;

/** What a checked offer asks for. */
export interface Offer {
  /** The offer, rebuilt of checked values alone; it holds no candidates, since a page's address is learned from its packets. */
  readonly sdp: string;
  /** Identifies the video section. */
  readonly mid: string;
  /** RTP payload type of the H.264 format, and its parameters for the answer. */
  readonly payloadType: number;
  readonly formatParameters: string;
  /** Id of the playout-delay header extension; 0 if the page does not know it. */
  readonly playoutDelayId: number;
}

interface Section {
  readonly media: string;
  readonly lines: string[];
}

interface Transport {
  readonly ufrag: string;
  readonly password: string;
  readonly fingerprint: string;
}

interface Video {
  readonly mid: string;
  readonly payloadType: number;
  readonly profile: string;
  readonly playoutDelayId: number;
}

/**
 * Reads a page's offer (RFC 8866, RFC 9429) strictly: one section that receives H.264 video, one for data channels, bundled.
 * @throws NearlightError NL_OFFER saying what is wrong
 */
export function readOffer(text: string, config: Pick<Config, 'offerLineBytesMax'>): Offer {
  const { session, sections } = split(text, config.offerLineBytesMax);
  const video = readVideo(only(sections, 'video'));
  const channels = only(sections, 'application');
  if (!/^m=application \d{1,5} UDP\/DTLS\/SCTP webrtc-datachannel$/.test(channels.media))
    refuse(`"${channels.media}" is no section for data channels`);
  const channelsMid = readMid(channels);
  const bundle = values(session, 'group').find((value) => value.startsWith('BUNDLE '));
  const bundled = bundle?.split(' ').slice(1) ?? [];
  if (video.mid === channelsMid || !bundled.includes(video.mid) || !bundled.includes(channelsMid))
    refuse('video and data channels are not bundled (a=group:BUNDLE)');
  const transport = readTransport(session, sections[0]);
  const videoLines = writeVideo(video);
  const channelsLines = writeChannels(channels, channelsMid);
  const bodies = sections[0].media.startsWith('m=video ') ? [videoLines, channelsLines] : [channelsLines, videoLines];
  return {
    sdp: write(transport, bodies),
    mid: video.mid,
    payloadType: video.payloadType,
    formatParameters: `profile-level-id=${video.profile};packetization-mode=1;level-asymmetry-allowed=1`,
    playoutDelayId: video.playoutDelayId,
  };
}

function refuse(what: string): never {
  throw new NearlightError('NL_OFFER', what);
}

function split(text: string, lineBytesMax: number): { session: Section; sections: Section[] } {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines[0] !== 'v=0') refuse('it is not SDP: the first line is not "v=0"');
  const session: Section = { media: '', lines: [] };
  const sections: Section[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.length > lineBytesMax)
      refuse(`line ${index + 1} has ${line.length} characters, ${lineBytesMax} are allowed`);
    if (!/^[a-z]=[\x20-\x7e]*$/.test(line)) refuse(`line ${index + 1} is not of the form "x=value" in printable ASCII`);
    if (line.startsWith('m=')) sections.push({ media: line, lines: [] });
    else (sections.at(-1) ?? session).lines.push(line);
  }
  return { session, sections };
}

function only(sections: Section[], kind: 'video' | 'application'): Section {
  const name = kind === 'video' ? 'video section (m=video)' : 'section for data channels (m=application)';
  const found = sections.filter((section) => section.media.startsWith(`m=${kind} `));
  if (found.length === 0) refuse(`it has no ${name}`);
  if (found.length > 1) refuse(`it has more than one ${name}`);
  if (sections.length > 2) refuse('it has sections besides one for video and one for data channels');
  return found[0];
}

function values(section: Section, attribute: string): string[] {
  const prefix = `a=${attribute}:`;
  return section.lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
}

function readMid(section: Section): string {
  const [mid = ''] = values(section, 'mid');
  if (!/^[\w-]{1,32}$/.test(mid)) refuse(`"${section.media.split(' ')[0]}" has no usable identification (a=mid)`);
  return mid;
}

function readTransport(session: Section, section: Section): Transport {
  const one = (attribute: string, pattern: RegExp): string => {
    const value = values(section, attribute)[0] ?? values(session, attribute)[0] ?? '';
    if (!pattern.test(value)) refuse(`a=${attribute} is missing or cannot be used`);
    return value;
  };
  one('setup', /^actpass$/);
  return {
    ufrag: one('ice-ufrag', /^[A-Za-z0-9+/]{4,256}$/),
    password: one('ice-pwd', /^[A-Za-z0-9+/]{22,256}$/),
    fingerprint: one('fingerprint', /^sha-256 (?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/),
  };
}

function readVideo(section: Section): Video {
  if (!/^m=video \d{1,5} UDP\/TLS\/RTP\/SAVPF(?: \d{1,3})+$/.test(section.media))
    refuse(`"${section.media.slice(0, 80)}" is no section for video over UDP/TLS/RTP/SAVPF`);
  if (!section.lines.includes('a=recvonly')) refuse('its video is not for receiving only (a=recvonly)');
  if (!section.lines.includes('a=rtcp-mux')) refuse('its video does not carry RTCP on the same port (a=rtcp-mux)');
  const mid = readMid(section);
  let playoutDelayId = 0;
  for (const value of values(section, 'extmap')) {
    const match = /^(\d{1,3}) (\S+)$/.exec(value);
    if (match?.[2] === PLAYOUT_DELAY && +match[1] >= 1 && +match[1] <= EXTENSION_ID_MAX) playoutDelayId = +match[1];
  }
  return { mid, playoutDelayId, ...readH264(section) };
}

/** Chooses baseline with packetization mode 1 (RFC 6184, 8.1), constrained (42e0) where it is offered. */
function readH264(section: Section): { payloadType: number; profile: string } {
  const types = section.media.split(' ').slice(3);
  const named = values(section, 'rtpmap').filter((value) => /^\d{2,3} H264\/90000$/i.test(value));
  const formats = values(section, 'fmtp').map((value) => /^(\d{2,3}) (.*)$/.exec(value));
  let chosen: { payloadType: number; profile: string } | undefined;
  for (const format of formats) {
    if (!format || !types.includes(format[1]) || !named.some((value) => value.startsWith(`${format[1]} `))) continue;
    const parameters = format[2].split(';').map((parameter) => parameter.trim().toLowerCase());
    const profile = parameters.find((parameter) => /^profile-level-id=42[e0]0[0-9a-f]{2}$/.test(parameter))?.slice(17);
    const payloadType = Number(format[1]);
    if (!profile || !parameters.includes('packetization-mode=1') || payloadType < 35 || payloadType > 127) continue;
    if (!chosen || (profile.startsWith('42e0') && !chosen.profile.startsWith('42e0')))
      chosen = { payloadType, profile };
  }
  return (
    chosen ?? refuse('it has no H.264 of baseline profile with packetization-mode=1; use a browser that plays H.264')
  );
}

function write(transport: Transport, bodies: { mid: string; lines: string[] }[]): string {
  const head = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${bodies.map((body) => body.mid).join(' ')}`,
  ];
  const lines = bodies.flatMap(({ mid, lines: [media, ...rest] }) => [
    media,
    'c=IN IP4 0.0.0.0',
    `a=ice-ufrag:${transport.ufrag}`,
    `a=ice-pwd:${transport.password}`,
    `a=fingerprint:${transport.fingerprint}`,
    'a=setup:actpass',
    `a=mid:${mid}`,
    ...rest,
  ]);
  return `${[...head, ...lines].join('\r\n')}\r\n`;
}

function writeVideo(video: Video): { mid: string; lines: string[] } {
  const { mid, payloadType, profile, playoutDelayId } = video;
  const lines = [`m=video 9 UDP/TLS/RTP/SAVPF ${payloadType}`, 'a=recvonly', 'a=rtcp-mux'];
  if (playoutDelayId > 0) lines.push(`a=extmap:${playoutDelayId} ${PLAYOUT_DELAY}`);
  lines.push(`a=rtpmap:${payloadType} H264/90000`);
  for (const kind of ['goog-remb', 'ccm fir', 'nack', 'nack pli']) lines.push(`a=rtcp-fb:${payloadType} ${kind}`);
  lines.push(`a=fmtp:${payloadType} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=${profile}`);
  return { mid, lines };
}

function writeChannels(section: Section, mid: string): { mid: string; lines: string[] } {
  const port = Number(values(section, 'sctp-port')[0]);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse('its data channels have no usable a=sctp-port');
  const bytes = Number(values(section, 'max-message-size')[0] ?? MESSAGE_BYTES_DEFAULT);
  if (!Number.isInteger(bytes) || bytes < 0) refuse('its a=max-message-size is no whole number');
  const limited = bytes === 0 ? MESSAGE_BYTES_MAX : Math.min(bytes, MESSAGE_BYTES_MAX);
  const lines = [
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    `a=sctp-port:${port}`,
    `a=max-message-size:${limited}`,
  ];
  return { mid, lines };
}
