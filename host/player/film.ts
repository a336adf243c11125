/**
 * The game's picture and sound as one stream that outlives connections: a new connection of the same player brings other tracks
 * and perhaps a picture of another size, and a recording of them would end there. The picture is copied to a canvas of constant
 * size, the sound passes through a node of Web Audio.
 */
export class Film {
  readonly stream: MediaStream;
  readonly #video: HTMLVideoElement;
  readonly #audio: HTMLAudioElement;
  readonly #canvas = document.createElement('canvas');
  readonly #context: CanvasRenderingContext2D | null;
  readonly #sound: AudioContext | undefined;
  readonly #destination: MediaStreamAudioDestinationNode | undefined;
  readonly #listeners = new AbortController();
  #source: MediaStreamAudioSourceNode | undefined;
  #heard: MediaProvider | null = null;
  #callback = 0;

  /** @param video shows a picture now @param audio plays the game's sound */
  constructor(video: HTMLVideoElement, audio: HTMLAudioElement) {
    this.#video = video;
    this.#audio = audio;
    Object.assign(this.#canvas, { width: video.videoWidth, height: video.videoHeight });
    this.#context = this.#canvas.getContext('2d', { alpha: false });
    this.#draw();
    this.stream = this.#canvas.captureStream();
    if ('AudioContext' in globalThis) {
      this.#sound = new AudioContext({ sampleRate: 48_000 });
      this.#destination = this.#sound.createMediaStreamDestination();
      for (const track of this.#destination.stream.getAudioTracks()) this.stream.addTrack(track);
      audio.addEventListener('loadstart', () => this.#listen(), { signal: this.#listeners.signal });
      audio.addEventListener('playing', () => this.#listen(), { signal: this.#listeners.signal });
      this.#listen();
    }
  }

  /** Ends the stream. */
  close(): void {
    this.#listeners.abort();
    this.#video.cancelVideoFrameCallback(this.#callback);
    for (const track of this.stream.getTracks()) track.stop();
    this.#source?.disconnect();
    void this.#sound?.close();
  }

  readonly #draw = (): void => {
    const { videoWidth, videoHeight } = this.#video;
    const { width, height } = this.#canvas;
    const scale = Math.min(width / videoWidth, height / videoHeight);
    const [w, h] = [videoWidth * scale, videoHeight * scale];
    if (videoWidth > 0) this.#context?.drawImage(this.#video, (width - w) / 2, (height - h) / 2, w, h);
    this.#callback = this.#video.requestVideoFrameCallback(this.#draw);
  };

  /** Connects the sound that is played now, which is heard in the recording even while the player has turned it off. */
  #listen(): void {
    const stream = this.#audio.srcObject;
    if (!this.#sound || !this.#destination || stream === this.#heard) return;
    this.#source?.disconnect();
    this.#heard = stream;
    if (!(stream instanceof MediaStream) || stream.getAudioTracks().length === 0) return;
    this.#source = this.#sound.createMediaStreamSource(stream);
    this.#source.connect(this.#destination);
  }
}
