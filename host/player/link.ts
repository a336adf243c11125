import { CHANNEL_EVENTS, CHANNEL_STATE } from '../base/protocol.ts';

/**
 * The picture and the game that a page asks for, as in its URL: `size` is WIDTHxHEIGHT. The server checks the values
 * and has defaults for missing ones.
 */
export type ViewQuery = { size?: string | undefined; fps?: number | string | undefined; game?: string | undefined };

/** Why a connection to the host ended. */
export type LinkFailure = {
  code: string;
  message: string;
  /** Whether to offer the player another attempt to connect. */
  retry: boolean;
  /** Whether to make another attempt to connect without asking the player. */
  again: boolean;
  /** Set if nothing is wrong and the server only asked the page to connect again after this time. */
  waitMs?: number;
};

export type HostLinkHooks = {
  /** Called when both data channels to the host are open. */
  open(): void;
  /** Called for each message from the host on either data channel. */
  message(data: ArrayBuffer): void;
  /** Called when the connection to the host has ended. This happens once, or not at all if `close` was called before. */
  failed(failure: LinkFailure): void;
};

export type HostLinkOptions = {
  url: string;
  video: HTMLVideoElement;
  sound?: { attach(stream: MediaStream): void } | undefined;
  hooks: HostLinkHooks;
};

/** ICE gets this time to recover from a lost connection by itself. */
const DISCONNECTED_MS = 2000;

/**
 * The page's end of one connection to the host: an RTCPeerConnection, its two data channels and its signalling, which
 * follows WHEP (draft-ietf-wish-whep). Another attempt to connect needs another object.
 */
export class HostLink {
  readonly events: RTCDataChannel;
  readonly state: RTCDataChannel;
  readonly #peer: RTCPeerConnection;
  readonly #hooks: HostLinkHooks;
  readonly #url: string;
  readonly #abort = new AbortController();
  readonly #receiver: RTCRtpReceiver;
  /** URL of this connection on the server, to delete it; empty until the server has accepted the offer. */
  #location = '';
  #opened = false;
  #closed = false;
  #disconnectedTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options.url URL of the WHEP signalling endpoint
   * @param options.video element that shows the game's picture
   * @param options.sound takes the game's sound; without it, the page asks for none
   */
  constructor({ url, video, sound, hooks }: HostLinkOptions) {
    this.#url = url;
    this.#hooks = hooks;
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.#peer = peer;
    this.#receiver = peer.addTransceiver('video', { direction: 'recvonly' }).receiver;
    if ('jitterBufferTarget' in this.#receiver) this.#receiver.jitterBufferTarget = 0;
    if (sound) {
      const { receiver } = peer.addTransceiver('audio', { direction: 'recvonly' });
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    }
    this.events = this.#channel(CHANNEL_EVENTS, { ordered: true });
    this.state = this.#channel(CHANNEL_STATE, { ordered: false, maxRetransmits: 0 });
    peer.ontrack = (event) => {
      const stream = event.streams[0] ?? new MediaStream([event.track]);
      if (event.track.kind === 'audio') {
        sound?.attach(stream);
        return;
      }
      video.srcObject = stream;
      // A browser may refuse to play the video before the player's first click. `autoplay` tries again then.
      video.play().catch(() => {});
    };
    peer.onconnectionstatechange = () => this.#checkConnection();
  }

  /**
   * Sends the SDP offer and applies the server's answer. Failures go to the hook `failed`. The offer needs no ICE
   * candidates, because the server offers its own and the page connects to these.
   */
  async start(query: ViewQuery): Promise<void> {
    try {
      const offer = withStereo(await this.#peer.createOffer());
      await this.#peer.setLocalDescription(offer);
      const parameters = new URLSearchParams();
      for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
      const response = await fetch(`${this.#url}?${parameters}`, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp' },
        body: offer.sdp ?? '',
        signal: this.#abort.signal,
      });
      if (response.status !== 201) return this.#fail(await readRefusal(response));
      this.#location = response.headers.get('location') ?? '';
      await this.#peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    } catch (error) {
      const unreachable = error instanceof TypeError;
      this.fail(unreachable ? 'The server does not answer.' : `The connection could not be set up: ${error}`);
    }
  }

  /** Ends the connection as failed, so that the page tries to connect again. */
  fail(message: string): void {
    this.#fail({ code: 'NL_CONNECTION', message, retry: true, again: true });
  }

  /**
   * Closes the connection to the host without calling a hook. Idempotent.
   * @param options.leave whether to tell the server with a DELETE request, which also works while the page is being closed
   */
  close({ leave = true } = {}): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#disconnectedTimer);
    this.#abort.abort();
    this.#peer.close();
    if (!leave || this.#location === '') return;
    // If the DELETE request fails, the server still notices that the page is silent.
    fetch(this.#location, { method: 'DELETE', keepalive: true }).catch(() => {});
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#receiver.getStats();
  }

  #channel(label: string, options: RTCDataChannelInit): RTCDataChannel {
    const channel = this.#peer.createDataChannel(label, options);
    channel.binaryType = 'arraybuffer';
    channel.onmessage = (event: MessageEvent<unknown>) => {
      if (event.data instanceof ArrayBuffer && !this.#closed) this.#hooks.message(event.data);
    };
    channel.onopen = () => {
      const both = this.events.readyState === 'open' && this.state.readyState === 'open';
      if (!both || this.#opened || this.#closed) return;
      this.#opened = true;
      this.#hooks.open();
    };
    channel.onclose = () => this.fail('The connection was lost.');
    return channel;
  }

  #checkConnection(): void {
    const state = this.#peer.connectionState;
    clearTimeout(this.#disconnectedTimer);
    if (state === 'failed') this.fail('The connection was lost.');
    if (state === 'disconnected')
      this.#disconnectedTimer = setTimeout(() => this.fail('The connection was lost.'), DISCONNECTED_MS);
  }

  #fail(failure: LinkFailure): void {
    if (this.#closed) return;
    this.close();
    this.#hooks.failed(failure);
  }
}

/** Asks for both channels of Opus. Without `stereo=1` in its own offer, Chromium decodes one channel alone. */
function withStereo({ type, sdp = '' }: RTCSessionDescriptionInit): RTCSessionDescriptionInit & { sdp: string } {
  const [, opus] = /^a=rtpmap:(\d+) opus\/48000\/2/im.exec(sdp) ?? [];
  return { type, sdp: opus === undefined ? sdp : sdp.replace(`a=fmtp:${opus} `, `a=fmtp:${opus} stereo=1;`) };
}

/** Reads why the server refused an offer. If a proxy answered in the server's place, only the HTTP status is known. */
async function readRefusal(response: Response): Promise<LinkFailure> {
  const { status } = response;
  const body: { code?: unknown; message?: unknown } = await response.json().catch(() => ({}));
  const retry = status >= 500 || status === 429;
  const { code, message } = body ?? {};
  if (typeof code !== 'string' || typeof message !== 'string')
    return {
      code: 'NL_CONNECTION',
      message: `The server answered with status ${status}.`,
      retry,
      again: status >= 500,
    };
  const prefix = `${code}: `;
  // Nearlight's server always sends Retry-After in seconds, never as a date.
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    code,
    message: message.startsWith(prefix) ? message.slice(prefix.length) : message,
    retry,
    // A server that has no free seat or is shutting down answers 503. Connecting again at once would not help.
    again: status >= 500 && status !== 503,
    ...(seconds >= 0 ? { waitMs: seconds * 1000 } : {}),
  };
}
