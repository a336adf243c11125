/** Runs on the browser's audio thread, and plays what the page sends it. */
import { SampleQueue } from './samples.ts';
import { PROCESSOR } from './speaker.ts';

/** The parts of an audio worklet's global scope that TypeScript's library does not declare. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

registerProcessor(
  PROCESSOR,
  class extends AudioWorkletProcessor {
    readonly #queue = new SampleQueue();

    constructor() {
      super();
      this.port.onmessage = ({ data }) => this.#queue.push(data as Float32Array);
    }

    process(_inputs: Float32Array[][], [output]: Float32Array[][]): boolean {
      const [left, right] = output ?? [];
      if (left && right) this.#queue.pull(left, right);
      return true;
    }
  },
);
