/** Name under which the audio worklet registers its processor. */
export const PROCESSOR = 'nearlight-sound';

const GESTURES = ['pointerdown', 'keydown', 'touchend'] as const;

/** Plays the game's sound through Web Audio, once the author has clicked or pressed a key, which browsers demand. */
export class DevSpeaker {
  readonly #rate: number;
  #node: AudioWorkletNode | undefined;
  #context: AudioContext | undefined;

  /** @param rate frames of sound per second */
  constructor(rate: number) {
    this.#rate = rate;
    for (const gesture of GESTURES) addEventListener(gesture, this.#open, { capture: true, once: true });
  }

  /** Whether sound is played, as opposed to thrown away. */
  get isOpen(): boolean {
    return this.#node !== undefined && this.#context?.state === 'running';
  }

  /** Plays frames of sound, whose memory the speaker then owns. */
  play(samples: Float32Array<ArrayBuffer>): void {
    if (this.isOpen) this.#node?.port.postMessage(samples, [samples.buffer]);
  }

  readonly #open = async (): Promise<void> => {
    if (this.#context) return;
    const context = new AudioContext({ sampleRate: this.#rate, latencyHint: 'interactive' });
    this.#context = context;
    await context.audioWorklet.addModule('worklet.js');
    const node = new AudioWorkletNode(context, PROCESSOR, { numberOfInputs: 0, outputChannelCount: [2] });
    node.connect(context.destination);
    this.#node = node;
    await context.resume();
  };
}
