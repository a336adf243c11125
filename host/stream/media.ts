import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import datachannel, { type PeerConnection, type RtpPacketizationConfig, type Track } from 'node-datachannel';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { type Offer, PLAYOUT_DELAY } from './offer.ts';

/** H.264 over RTP counts time in units of 1/90000 s (RFC 6184, 8.2.1). */
const RTP_CLOCK_HZ = 90_000;
const PAYLOAD_BYTES_MAX = 1200;

/** A video track that splits access units into RTP packets. */
export interface VideoTrack {
  readonly track: Track;
  /** Its `timestamp`, in units of 1/90000 s, is set before each access unit is sent. */
  readonly rtp: RtpPacketizationConfig;
  /** Objects that the library needs; holding them here keeps them from being garbage-collected. */
  readonly handlers: readonly object[];
}

/** Returns the address that HOST names, or undefined if it means all addresses. */
function concreteAddress({ host }: Config): string | undefined {
  if (host === '' || host === '0.0.0.0' || host === '::') return undefined;
  return host === 'localhost' ? '127.0.0.1' : host;
}

/**
 * Binds ICE_PORT and holds it until the returned function is called. The library shares the port among its peers, but
 * ends the process if it cannot bind it, so the port is tested first. Does nothing if ICE_PORT is 0.
 * @throws NearlightError NL_PORT_IN_USE
 */
export async function holdIcePort(config: Config): Promise<() => void> {
  const { icePort } = config;
  if (icePort === 0) return () => {};
  const address = concreteAddress(config);
  const probe = createSocket(isIPv6(address ?? '') ? 'udp6' : 'udp4');
  try {
    probe.bind({ port: icePort, exclusive: true, ...(address === undefined ? {} : { address }) });
    await once(probe, 'listening');
  } catch (cause) {
    const advice = 'stop the program that uses it, or choose another port with ICE_PORT (ICE_PORT=0 takes free ones)';
    const { code } = cause as NodeJS.ErrnoException;
    throw new NearlightError('NL_PORT_IN_USE', `UDP port ${icePort} cannot be bound (${code}); ${advice}`, { cause });
  } finally {
    probe.close();
    await once(probe, 'close');
  }
  const holder = createPeer(config);
  const channel = holder.createDataChannel('');
  holder.setLocalDescription('offer');
  return () => {
    holder.close();
    channel.close();
  };
}

/**
 * Opens a peer and the video track that the offer asks for. The caller applies the offer afterwards.
 * @throws NearlightError NL_CONNECTION if the library refuses; nothing is left open then
 */
export function openPeer(config: Config, offer: Offer, ssrc: number): { peer: PeerConnection; video: VideoTrack } {
  let peer: PeerConnection | undefined;
  try {
    peer = createPeer(config);
    return { peer, video: addVideoTrack(peer, offer, ssrc) };
  } catch (error) {
    peer?.close();
    throw connectionError(error);
  }
}

/** Wraps an error of the library as NL_CONNECTION. */
export function connectionError(error: unknown): NearlightError {
  if (error instanceof NearlightError) return error;
  return new NearlightError('NL_CONNECTION', error instanceof Error ? error.message : String(error), { cause: error });
}

/** Creates a peer that offers this machine's address from HOST, or all of its addresses if HOST names none. */
function createPeer(config: Config): PeerConnection {
  const { icePort } = config;
  const address = concreteAddress(config);
  return new datachannel.PeerConnection('nearlight', {
    iceServers: [],
    disableAutoNegotiation: true,
    maxMessageSize: config.inputBytesMax,
    ...(icePort === 0 ? {} : { enableIceUdpMux: true, portRangeBegin: icePort, portRangeEnd: icePort }),
    ...(address === undefined ? {} : { bindAddress: address }),
  });
}

function addVideoTrack(peer: PeerConnection, offer: Offer, ssrc: number): VideoTrack {
  const video = new datachannel.Video(offer.mid, 'SendOnly');
  video.addH264Codec(offer.payloadType, offer.formatParameters);
  video.addSSRC(ssrc, 'nearlight', 'nearlight', 'video');
  // The library silently ignores the line if it lacks "a=".
  if (offer.playoutDelayId > 0) video.parseSdpLine(`a=extmap:${offer.playoutDelayId} ${PLAYOUT_DELAY}`);
  const track = peer.addTrack(video);
  const rtp = new datachannel.RtpPacketizationConfig(ssrc, 'nearlight', offer.payloadType, RTP_CLOCK_HZ);
  // With a delay of 0 to 0 the browser shows each frame as soon as it is decoded.
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
