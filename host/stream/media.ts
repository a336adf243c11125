import datachannel, { type PeerConnection, type RtpPacketizationConfig, type Track } from 'node-datachannel';
import type { Config } from '../config.ts';
import { type Offer, PLAYOUT_DELAY } from './offer.ts';

const CLOCK_RATE = 90_000;
const PAYLOAD_BYTES_MAX = 1200;

/** A track that packetizes access units, and what it is made of: all referred to for as long as it is used. */
export interface VideoTrack {
  readonly track: Track;
  /** Its `timestamp` (90 kHz) is set before each access unit. */
  readonly rtp: RtpPacketizationConfig;
  readonly handlers: readonly object[];
}

/** A peer that has addresses of this machine alone: those of `host`, or all where that is no concrete address. */
export function createPeer(config: Config): PeerConnection {
  const { host, icePort } = config;
  const anyAddress = host === '' || host === '0.0.0.0' || host === '::';
  return new datachannel.PeerConnection('nearlight', {
    iceServers: [],
    disableAutoNegotiation: true,
    maxMessageSize: config.inputBytesMax,
    ...(icePort === 0 ? {} : { enableIceUdpMux: true, portRangeBegin: icePort, portRangeEnd: icePort }),
    ...(anyAddress ? {} : { bindAddress: host === 'localhost' ? '127.0.0.1' : host }),
  });
}

/** Adds the track that the offer asks for; to be called before the offer is applied. */
export function addVideoTrack(peer: PeerConnection, offer: Offer, ssrc: number): VideoTrack {
  const video = new datachannel.Video(offer.mid, 'SendOnly');
  video.addH264Codec(offer.payloadType, offer.formatParameters);
  video.addSSRC(ssrc, 'nearlight', 'nearlight', 'video');
  // Without its "a=" the library drops the line silently.
  if (offer.playoutDelayId > 0) video.parseSdpLine(`a=extmap:${offer.playoutDelayId} ${PLAYOUT_DELAY}`);
  const track = peer.addTrack(video);
  const rtp = new datachannel.RtpPacketizationConfig(ssrc, 'nearlight', offer.payloadType, CLOCK_RATE);
  // A delay of 0 to 0 lets the receiver show each frame as soon as it is decoded.
  rtp.playoutDelayId = offer.playoutDelayId;
  rtp.playoutDelayMin = 0;
  rtp.playoutDelayMax = 0;
  const packetizer = new datachannel.H264RtpPacketizer('StartSequence', rtp, PAYLOAD_BYTES_MAX);
  const reporter = new datachannel.RtcpSrReporter(rtp);
  const responder = new datachannel.RtcpNackResponder();
  packetizer.addToChain(reporter);
  packetizer.addToChain(responder);
  track.setMediaHandler(packetizer);
  return { track, rtp, handlers: [video, packetizer, reporter, responder] };
}
