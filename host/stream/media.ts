import datachannel, { type PeerConnection, type RtpPacketizationConfig, type Track } from 'node-datachannel';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { reserveFile } from '../base/files.ts';
import { NOTICE_BYTES_MAX } from './messages.ts';
import { type Offer, PLAYOUT_DELAY } from './offer.ts';

/** H.264 over RTP counts time in units of 1/90000 s (RFC 6184, 8.2.1). */
const RTP_CLOCK_HZ = 90_000;
const PAYLOAD_BYTES_MAX = 1200;

/** A video track that splits access units into RTP packets. */
export interface VideoTrack {
  readonly track: Track;
  /** Settings of the RTP packets. The caller sets `timestamp`, in units of 1/90000 s, before it sends an access unit. */
  readonly rtp: RtpPacketizationConfig;
  /** Objects that the WebRTC library needs. Holding them here keeps them from being garbage-collected. */
  readonly handlers: readonly object[];
}

/**
 * Opens a peer connection and the video track that the page's offer asks for. The caller applies the offer afterwards.
 * @throws NearlightError NL_HOST_FILES, or NL_CONNECTION if the WebRTC library refuses; nothing is left open then
 */
export function openPeer(config: Config, offer: Offer, ssrc: number): { peer: PeerConnection; video: VideoTrack } {
  let peer: PeerConnection | undefined;
  try {
    // The WebRTC library ends the process if it cannot open a socket.
    reserveFile();
    peer = createPeer(config);
    return { peer, video: addVideoTrack(peer, offer, ssrc) };
  } catch (error) {
    peer?.close();
    throw connectionError(error);
  }
}

/** Wraps an error of the WebRTC library as NL_CONNECTION. Returns a NearlightError unchanged. */
export function connectionError(error: unknown): NearlightError {
  if (error instanceof NearlightError) return error;
  return new NearlightError('NL_CONNECTION', error instanceof Error ? error.message : String(error), { cause: error });
}

/** Creates a peer connection whose ICE listens on loopback only. Pages reach it through the relay (relay.ts). */
function createPeer(config: Config): PeerConnection {
  return new datachannel.PeerConnection('nearlight', {
    iceServers: [],
    disableAutoNegotiation: true,
    // This bounds the messages of both sides.
    maxMessageSize: Math.max(config.inputBytesMax, NOTICE_BYTES_MAX),
    bindAddress: '127.0.0.1',
  });
}

function addVideoTrack(peer: PeerConnection, offer: Offer, ssrc: number): VideoTrack {
  const video = new datachannel.Video(offer.mid, 'SendOnly');
  video.addH264Codec(offer.payloadType, offer.formatParameters);
  video.addSSRC(ssrc, 'nearlight', 'nearlight', 'video');
  // The WebRTC library silently ignores an SDP line that lacks "a=".
  if (offer.playoutDelayId > 0) video.parseSdpLine(`a=extmap:${offer.playoutDelayId} ${PLAYOUT_DELAY}`);
  const track = peer.addTrack(video);
  const rtp = new datachannel.RtpPacketizationConfig(ssrc, 'nearlight', offer.payloadType, RTP_CLOCK_HZ);
  // With a playout delay of 0 to 0 the browser shows each frame as soon as it is decoded.
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
