import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { VideoCodec } from './player.ts';
import type { ExtensionIds } from './rtp/header.ts';

/** URIs of the RTP header extensions that limit how long the receiver delays a frame, and that say when a packet was sent. */
const EXTENSION_URIS: Readonly<Record<keyof ExtensionIds, string>> = {
  playoutDelay: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  absoluteSendTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  transportSequence: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
};
/** RTCP feedback that a page may send. The page must offer the last kind, because not all browsers know it. */
const FEEDBACK = ['goog-remb', 'ccm fir', 'nack', 'nack pli'];
const TRANSPORT_FEEDBACK = 'transport-cc';
/** The largest id of a one-byte RTP header extension (RFC 8285, 4.2). */
const EXTENSION_ID_MAX = 14;
/** Size of the largest data channel message that an offer without a=max-message-size allows (RFC 8841, 6.1). */
const MESSAGE_BYTES_DEFAULT = 65_536;
const MESSAGE_BYTES_MAX = 262_144;
/** Parameters of Opus: packets may be as short as 10 ms, and both sides use two channels (RFC 7587, 6.1). */
const OPUS_PARAMETERS = 'minptime=10;stereo=1;sprop-stereo=1';

/** The format of repair packets, and its parameters (a=fmtp): a receiver keeps packets for so many microseconds. */
export const REPAIR_FORMAT = 'flexfec-03';
export const REPAIR_PARAMETERS = 'repair-window=10000000';

/** A page's SDP offer after it was checked. */
export interface Offer {
  /**
   * The offer written again from its checked values. It contains no candidates, because the host learns the page's address
   * from its packets.
   */
  readonly sdp: string;
  /** Name (a=mid) of the SDP's video section. */
  readonly mid: string;
  /** Format of the video: H.264 if the page takes it, else VP8. */
  readonly codec: VideoCodec;
  /** RTP payload type of that format. */
  readonly payloadType: number;
  /** Parameters of that format (a=fmtp) for the SDP answer; empty for VP8. */
  readonly formatParameters: string;
  /** Ids of the RTP header extensions. That for transport-wide feedback is 0 unless the page sends such feedback. */
  readonly extensions: ExtensionIds;
  /** RTP payload type of packets that are sent again (RFC 4588), or 0 if the page does not support them. */
  readonly rtxPayloadType: number;
  /**
   * RTP payload type of repair packets (draft-ietf-payload-flexible-fec-scheme-03), or 0 if the page does not take them. The older
   * ULPFEC shares its sequence numbers with the video, so a browser that misses one of its packets waits for that with H.264.
   */
  readonly repairPayloadType: number;
  /** Whether the client only watches, because it has offered no data channels. */
  readonly watches: boolean;
  /** The section that receives sound; undefined if the page has not offered one. */
  readonly audio?: AudioOffer | undefined;
}

/** The audio section of an offer after it was checked. */
export interface AudioOffer {
  /** Name (a=mid) of the SDP's audio section. */
  readonly mid: string;
  /** RTP payload type of Opus. */
  readonly payloadType: number;
  /** Parameters of Opus (a=fmtp) for the SDP answer. */
  readonly formatParameters: string;
  /** RTP payload type of redundant Opus (RFC 2198), or 0 if the page does not take that. */
  readonly redundantType: number;
}

/** Returns the SDP lines of the RTP header extensions that both sides use. */
export function extensionLines(extensions: ExtensionIds): string[] {
  return Object.entries(EXTENSION_URIS).flatMap(([name, uri]) => {
    const id = extensions[name as keyof ExtensionIds];
    return id === 0 ? [] : [`a=extmap:${id} ${uri}`];
  });
}

/** Returns the SDP lines of the RTCP feedback that the page sends, which the WebRTC library writes in part. */
export function feedbackLines({ payloadType, extensions }: Pick<Offer, 'payloadType' | 'extensions'>): string[] {
  const kinds = extensions.transportSequence > 0 ? [...FEEDBACK, TRANSPORT_FEEDBACK] : FEEDBACK;
  return kinds.map((kind) => `a=rtcp-fb:${payloadType} ${kind}`);
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

const NO_VIDEO =
  'the offer has neither H.264 in baseline profile (packetization-mode=1) nor VP8; use a browser that plays one of them';
export const NO_H264 = 'to watch takes H.264 in baseline profile (packetization-mode=1), which the offer does not have';

type Format = Pick<Video, 'codec' | 'payloadType' | 'formatParameters'>;

interface Video {
  readonly mid: string;
  readonly codec: VideoCodec;
  readonly payloadType: number;
  readonly formatParameters: string;
  readonly extensions: ExtensionIds;
  readonly rtxPayloadType: number;
  readonly repairPayloadType: number;
}

/**
 * Checks a page's SDP offer (RFC 8866, RFC 9429). It must have these sections, bundled: one that receives H.264 or VP8, one for
 * data channels unless the client only watches, and perhaps one that receives Opus.
 * @throws NearlightError NL_OFFER saying what is wrong
 */
export function readOffer(text: string, config: Pick<Config, 'offerLineBytesMax'>): Offer {
  const { session, sections } = split(text, config.offerLineBytesMax);
  const videoSection = only(sections, 'video');
  const video = readVideo(videoSection);
  const channels = optional(sections, 'application');
  if (channels && !/^m=application \d{1,5} UDP\/DTLS\/SCTP webrtc-datachannel$/.test(channels.media))
    refuse(`"${channels.media}" is not a section for data channels`);
  const channelsMid = channels && readMid(channels);
  const audioSection = optional(sections, 'audio');
  const audio = audioSection && readAudio(audioSection);
  const bundle = values(session, 'group').find((value) => value.startsWith('BUNDLE '));
  const bundled = bundle?.split(' ').slice(1) ?? [];
  const mids = [video.mid, channelsMid, audio?.mid].filter((mid) => mid !== undefined);
  const isBundled = mids.length === 1 || mids.every((mid) => bundled.includes(mid));
  if (new Set(mids).size < mids.length || !isBundled)
    refuse('the sections of the offer are not bundled (a=group:BUNDLE)');
  // The transport parameters of the SDP's first section apply to all sections that are bundled with it.
  const transport = readTransport(session, sections[0] ?? videoSection);
  // All spectators share one encoded picture.
  if (!channels && video.codec !== 'h264') refuse(NO_H264);
  const bodies = sections.map((section) => {
    if (section === videoSection) return writeVideo(video);
    return audio && section === audioSection ? writeAudio(audio) : writeChannels(section, readMid(section));
  });
  return {
    sdp: write(transport, bodies),
    mid: video.mid,
    payloadType: video.payloadType,
    codec: video.codec,
    formatParameters: video.formatParameters,
    extensions: video.extensions,
    rtxPayloadType: video.rtxPayloadType,
    repairPayloadType: video.repairPayloadType,
    watches: channels === undefined,
    ...(audio ? { audio } : {}),
  };
}

function refuse(what: string): never {
  throw new NearlightError('NL_OFFER', what);
}

function split(text: string, lineBytesMax: number): { session: Section; sections: Section[] } {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines[0] !== 'v=0') refuse('the offer is not SDP, because the first line is not "v=0"');
  const session: Section = { media: '', lines: [] };
  const sections: Section[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.length > lineBytesMax)
      refuse(`line ${index + 1} has ${line.length} characters, but only ${lineBytesMax} are allowed`);
    if (!/^[a-z]=[\x20-\x7e]*$/.test(line)) refuse(`line ${index + 1} is not of the form "x=value" in printable ASCII`);
    if (line.startsWith('m=')) sections.push({ media: line, lines: [] });
    else (sections.at(-1) ?? session).lines.push(line);
  }
  return { session, sections };
}

const SECTION_NAMES = {
  audio: 'audio section (m=audio)',
  video: 'video section (m=video)',
  application: 'section for data channels (m=application)',
} as const;

function optional(sections: Section[], kind: keyof typeof SECTION_NAMES): Section | undefined {
  const found = sections.filter((section) => section.media.startsWith(`m=${kind} `));
  if (found.length > 1) refuse(`the offer has more than one ${SECTION_NAMES[kind]}`);
  return found[0];
}

function only(sections: Section[], kind: keyof typeof SECTION_NAMES): Section {
  const kinds = Object.keys(SECTION_NAMES);
  const other = sections.find(({ media }) => !kinds.some((known) => media.startsWith(`m=${known} `)));
  if (other)
    refuse(`the offer may only have sections for video, sound and data channels, not "${other.media.slice(0, 80)}"`);
  return optional(sections, kind) ?? refuse(`the offer has no ${SECTION_NAMES[kind]}`);
}

function values(section: Section, attribute: string): string[] {
  const prefix = `a=${attribute}:`;
  return section.lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
}

function readMid(section: Section): string {
  const [mid = ''] = values(section, 'mid');
  if (!/^[\w-]{1,32}$/.test(mid)) refuse(`"${section.media.split(' ')[0]}" has no valid name (a=mid)`);
  return mid;
}

function readTransport(session: Section, section: Section): Transport {
  // A client may list several, such as fingerprints of other digests (RFC 8122, 5).
  const one = (attribute: string, pattern: RegExp): string => {
    const own = values(section, attribute);
    const listed = own.length > 0 ? own : values(session, attribute);
    const found = listed.find((value) => pattern.test(value));
    return found ?? refuse(`a=${attribute} of the offer is missing or invalid`);
  };
  one('setup', /^actpass$/);
  return {
    ufrag: one('ice-ufrag', /^[A-Za-z0-9+/]{4,256}$/),
    password: one('ice-pwd', /^[A-Za-z0-9+/]{22,256}$/),
    fingerprint: one('fingerprint', /^sha-256 (?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/),
  };
}

function checkMedia(section: Section, kind: 'audio' | 'video'): void {
  if (!/^m=\w+ \d{1,5} UDP\/TLS\/RTP\/SAVPF(?: \d{1,3})+$/.test(section.media))
    refuse(`"${section.media.slice(0, 80)}" is not a section for ${kind} over UDP/TLS/RTP/SAVPF`);
  // A client that could send as well, which is also the default, gets an answer that only sends (draft-ietf-wish-whep, 4.2).
  if (section.lines.includes('a=sendonly') || section.lines.includes('a=inactive'))
    refuse(`the ${kind} section of the offer does not receive (a=recvonly)`);
  if (!section.lines.includes('a=rtcp-mux'))
    refuse(`the ${kind} section of the offer does not carry RTCP on the same port (a=rtcp-mux)`);
}

/** Reads the payload types of Opus (RFC 7587) and of redundant Opus (RFC 2198). */
function readAudio(section: Section): AudioOffer {
  checkMedia(section, 'audio');
  const mid = readMid(section);
  const types = section.media.split(' ').slice(3);
  const typesOf = (codec: RegExp): number[] =>
    values(section, 'rtpmap').flatMap((value) => {
      const [, type = '', name = ''] = /^(\d{2,3}) (\S+)$/.exec(value) ?? [];
      return codec.test(name) && types.includes(type) && +type >= 35 && +type <= 127 ? [+type] : [];
    });
  const [payloadType] = typesOf(/^opus\/48000\/2$/i);
  if (payloadType === undefined)
    return refuse('the audio section of the offer has no Opus; use a browser that plays it');
  const redundantType = typesOf(/^red\/48000\/2$/i).find((type) =>
    values(section, 'fmtp').includes(`${type} ${payloadType}/${payloadType}`),
  );
  return { mid, payloadType, formatParameters: OPUS_PARAMETERS, redundantType: redundantType ?? 0 };
}

function readVideo(section: Section): Video {
  checkMedia(section, 'video');
  const mid = readMid(section);
  const format = readH264(section) ?? readVp8(section) ?? refuse(NO_VIDEO);
  const { payloadType } = format;
  const extensions = readExtensions(section);
  const feedback = values(section, 'rtcp-fb');
  if (![payloadType, '*'].some((type) => feedback.includes(`${type} ${TRANSPORT_FEEDBACK}`)))
    extensions.transportSequence = 0;
  const rtxPayloadType = readRtx(section, payloadType);
  return { mid, extensions, rtxPayloadType, repairPayloadType: readRepairs(section), ...format };
}

function readExtensions(section: Section): { -readonly [K in keyof ExtensionIds]: number } {
  const extensions = { playoutDelay: 0, absoluteSendTime: 0, transportSequence: 0 };
  const taken = new Set<number>();
  for (const value of values(section, 'extmap')) {
    const [, id = '', uri] = /^(\d{1,3})(?:\/(?:recvonly|sendrecv))? (\S+)$/.exec(value) ?? [];
    for (const [name, known] of Object.entries(EXTENSION_URIS)) {
      if (uri !== known || +id < 1 || +id > EXTENSION_ID_MAX || taken.has(+id)) continue;
      extensions[name as keyof ExtensionIds] = +id;
      taken.add(+id);
    }
  }
  return extensions;
}

/** Returns the payload type of repeated packets of a format (RFC 4588, 8.6), or 0. */
function readRtx(section: Section, payloadType: number): number {
  const types = section.media.split(' ').slice(3);
  for (const format of values(section, 'fmtp')) {
    const [, type = '', apt] = /^(\d{2,3}) apt=(\d{2,3})(?:;|$)/.exec(format) ?? [];
    const isRtx = values(section, 'rtpmap').some((value) => value.toLowerCase() === `${type} rtx/90000`);
    if (Number(apt) === payloadType && isRtx && types.includes(type) && +type >= 35 && +type <= 127) return +type;
  }
  return 0;
}

/** Returns the payload type of repair packets, or 0. */
function readRepairs(section: Section): number {
  const types = section.media.split(' ').slice(3);
  for (const value of values(section, 'rtpmap')) {
    const [, type = '', name = ''] = /^(\d{2,3}) (\S+)$/.exec(value) ?? [];
    const isKnown = name.toLowerCase() === `${REPAIR_FORMAT}/90000`;
    if (isKnown && types.includes(type) && +type >= 35 && +type <= 127) return +type;
  }
  return 0;
}

/** Chooses an offered format of H.264 baseline, packetization mode 1 (RFC 6184, 8.1). Prefers constrained baseline (42e0). */
function readH264(section: Section): Format | undefined {
  const types = section.media.split(' ').slice(3);
  const named = values(section, 'rtpmap').filter((value) => /^\d{2,3} H264\/90000$/i.test(value));
  let chosen: { payloadType: number; profile: string } | undefined;
  for (const format of values(section, 'fmtp')) {
    const [, type = '', list = ''] = /^(\d{2,3}) (.*)$/.exec(format) ?? [];
    if (!types.includes(type) || !named.some((value) => value.startsWith(`${type} `))) continue;
    const parameters = list.split(';').map((parameter) => parameter.trim().toLowerCase());
    const profile = parameters.find((parameter) => /^profile-level-id=42[e0]0[0-9a-f]{2}$/.test(parameter))?.slice(17);
    const payloadType = Number(type);
    if (!profile || !parameters.includes('packetization-mode=1') || payloadType < 35 || payloadType > 127) continue;
    if (!chosen || (profile.startsWith('42e0') && !chosen.profile.startsWith('42e0')))
      chosen = { payloadType, profile };
  }
  if (!chosen) return undefined;
  const { payloadType, profile } = chosen;
  const formatParameters = `profile-level-id=${profile};packetization-mode=1;level-asymmetry-allowed=1`;
  return { codec: 'h264', payloadType, formatParameters };
}

/** Finds an offered format of VP8 (RFC 7741, 6.1). */
function readVp8(section: Section): Format | undefined {
  const types = section.media.split(' ').slice(3);
  for (const value of values(section, 'rtpmap')) {
    const type = /^(\d{2,3}) VP8\/90000$/i.exec(value)?.[1] ?? '';
    if (types.includes(type) && +type >= 35 && +type <= 127)
      return { codec: 'vp8', payloadType: +type, formatParameters: '' };
  }
  return undefined;
}

/** One section of an SDP text that is being written. `media` is its first line. */
interface Body {
  readonly mid: string;
  readonly media: string;
  readonly lines: string[];
}

function write(transport: Transport, bodies: Body[]): string {
  const head = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${bodies.map((body) => body.mid).join(' ')}`,
  ];
  const lines = bodies.flatMap(({ mid, media, lines: rest }) => [
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

function writeVideo(video: Video): Body {
  const { mid, codec, payloadType, formatParameters, extensions, rtxPayloadType, repairPayloadType: repairs } = video;
  const lines = ['a=recvonly', 'a=rtcp-mux', ...extensionLines(extensions)];
  lines.push(`a=rtpmap:${payloadType} ${codec === 'h264' ? 'H264' : 'VP8'}/90000`, ...feedbackLines(video));
  if (formatParameters !== '') lines.push(`a=fmtp:${payloadType} ${formatParameters}`);
  const types = [payloadType];
  if (rtxPayloadType > 0) {
    types.push(rtxPayloadType);
    lines.push(`a=rtpmap:${rtxPayloadType} rtx/90000`, `a=fmtp:${rtxPayloadType} apt=${payloadType}`);
  }
  if (repairs > 0) {
    types.push(repairs);
    lines.push(`a=rtpmap:${repairs} ${REPAIR_FORMAT}/90000`, `a=fmtp:${repairs} ${REPAIR_PARAMETERS}`);
  }
  return { mid, media: `m=video 9 UDP/TLS/RTP/SAVPF ${types.join(' ')}`, lines };
}

function writeAudio({ mid, payloadType, redundantType, formatParameters }: AudioOffer): Body {
  const lines = ['a=recvonly', 'a=rtcp-mux', `a=rtpmap:${payloadType} opus/48000/2`];
  lines.push(`a=fmtp:${payloadType} ${formatParameters}`);
  if (redundantType > 0) lines.push(`a=rtpmap:${redundantType} red/48000/2`);
  if (redundantType > 0) lines.push(`a=fmtp:${redundantType} ${payloadType}/${payloadType}`);
  const types = redundantType > 0 ? `${payloadType} ${redundantType}` : `${payloadType}`;
  return { mid, media: `m=audio 9 UDP/TLS/RTP/SAVPF ${types}`, lines };
}

function writeChannels(section: Section, mid: string): Body {
  const port = Number(values(section, 'sctp-port')[0]);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse('the offer has no valid SCTP port (a=sctp-port)');
  const bytes = Number(values(section, 'max-message-size')[0] ?? MESSAGE_BYTES_DEFAULT);
  if (!Number.isInteger(bytes) || bytes < 0) refuse('a=max-message-size of the offer is not a whole number');
  const limited = bytes === 0 ? MESSAGE_BYTES_MAX : Math.min(bytes, MESSAGE_BYTES_MAX);
  const lines = [`a=sctp-port:${port}`, `a=max-message-size:${limited}`];
  return { mid, media: 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', lines };
}
