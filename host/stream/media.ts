import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import datachannel, { type PeerConnection, type RtpPacketizationConfig, type Track } from 'node-datachannel';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
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

/** The address that HOST names; undefined where that is all addresses. */
function concreteAddress({ host }: Config): string | undefined {
  if (host === '' || host === '0.0.0.0' || host === '::') return undefined;
  return host === 'localhost' ? '127.0.0.1' : host;
}

/**
 * Takes ICE_PORT and holds it until the returned function is called: the library shares a port among its peers, and ends the process
 * where it cannot bind it. Does nothing where each connection has a port of its own.
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
    const advice = 'stop the program that uses it, or choose another with ICE_PORT (ICE_PORT=0 takes free ones)';
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

/** A peer that has addresses of this machine alone: those of `host`, or all where that is no concrete address. */
export function createPeer(config: Config): PeerConnection {
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
