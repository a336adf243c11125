import datachannel, { type PeerConnection, type Track, type Video } from 'node-datachannel';
import type { Config } from '../base/config.ts';
import { NearlightError, textOf } from '../base/errors.ts';
import { reserveFile } from '../base/files.ts';
import { NOTICE_BYTES_MAX } from './messages.ts';
import { extensionLines, feedbackLines, type Offer, REPAIR_FORMAT, REPAIR_PARAMETERS } from './offer.ts';

const RTP_CLOCK_HZ = 90_000;
const NAME = 'nearlight';

/** A track that sends RTP packets as they are, and the object by which the WebRTC library knows it. */
export interface VideoTrack {
  readonly track: Track;
  /** Holding the object here keeps it from being garbage-collected. */
  readonly description: Video;
}

/** The numbers by which the page knows the streams of a track: the video, packets that are sent again, and repair packets. */
export interface StreamIds {
  readonly ssrc: number;
  readonly rtxSsrc: number;
  readonly repairSsrc: number;
}

/**
 * Opens a peer connection and the video track that the page's offer asks for. The caller applies the offer afterwards.
 * @throws NearlightError NL_HOST_FILES, or NL_CONNECTION if the WebRTC library refuses; nothing is left open then
 */
export function openPeer(
  config: Config,
  offer: Offer,
  streams: StreamIds,
): { peer: PeerConnection; video: VideoTrack } {
  let peer: PeerConnection | undefined;
  try {
    // The WebRTC library ends the process if it cannot open a socket.
    reserveFile();
    peer = createPeer(config);
    return { peer, video: addVideoTrack(peer, offer, streams) };
  } catch (error) {
    peer?.close();
    throw connectionError(error);
  }
}

/** Wraps an error of the WebRTC library as NL_CONNECTION. Returns a NearlightError unchanged. */
export function connectionError(error: unknown): NearlightError {
  if (error instanceof NearlightError) return error;
  return new NearlightError('NL_CONNECTION', textOf(error), { cause: error });
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

/**
 * Adds a track without a media handler of the WebRTC library. Such a track sends whole RTP and RTCP packets, and receives whole RTCP
 * packets, also those that the library does not know.
 */
function addVideoTrack(peer: PeerConnection, offer: Offer, { ssrc, rtxSsrc, repairSsrc }: StreamIds): VideoTrack {
  const { codec, payloadType, rtxPayloadType, repairPayloadType, formatParameters, extensions } = offer;
  const video = new datachannel.Video(offer.mid, 'SendOnly');
  if (codec === 'h264') video.addH264Codec(payloadType, formatParameters);
  else video.addVP8Codec(payloadType);
  const written = video.generateSdp('\n', '', 0);
  // The WebRTC library silently ignores an SDP line that lacks "a=".
  for (const line of [...feedbackLines(offer), ...extensionLines(extensions)])
    if (!written.includes(`${line}\n`)) video.parseSdpLine(line);
  video.addSSRC(ssrc, NAME, NAME, 'video');
  if (rtxPayloadType > 0) {
    video.addRTXCodec(rtxPayloadType, payloadType, RTP_CLOCK_HZ);
    video.addSSRC(rtxSsrc, NAME);
    video.parseSdpLine(`a=ssrc-group:FID ${ssrc} ${rtxSsrc}`);
  }
  if (repairPayloadType > 0) {
    video.addVideoCodec(repairPayloadType, REPAIR_FORMAT, REPAIR_PARAMETERS);
    video.addSSRC(repairSsrc, NAME);
    video.parseSdpLine(`a=ssrc-group:FEC-FR ${ssrc} ${repairSsrc}`);
  }
  return { track: peer.addTrack(video), description: video };
}
