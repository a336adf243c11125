import type { Page } from 'playwright-core';

export interface Probe {
  /** From dispatching a key event to the callback of the first picture that shows it, milliseconds. */
  callbackMs: number[];
  /** The same to when the browser expects that picture on the screen (requestVideoFrameCallback's expectedDisplayTime). */
  displayMs: number[];
  /** Pictures shown, and for how long was counted. */
  pictures: number;
  seconds: number;
}

/**
 * Presses and releases a key at random moments in a page that plays latency.wasm, and reads from the shown pictures when it took effect.
 * Runs inside the page; the pixel that is read decides, not what the host says of the frame.
 */
export function probeLatency(page: Page, seconds: number): Promise<Probe> {
  return page.evaluate(async (duration) => {
    const video = document.querySelector('video');
    if (!video) throw new Error('the page has no video');
    const luma = new Uint8Array(4 * 4 * 4);
    const probe = { callbackMs: [] as number[], displayMs: [] as number[], pictures: 0, seconds: 0 };
    // Four pixels of the decoded frame, whatever its format: drawing it to a canvas would convert it whole, and cost more than the page.
    const isWhite = async (): Promise<boolean> => {
      const frame = new VideoFrame(video);
      const { width, height } = frame.visibleRect ?? { width: 0, height: 0 };
      const rect = { x: width / 2, y: height / 2, width: 4, height: 4 };
      await frame.copyTo(luma, { rect });
      frame.close();
      const [brightness = 0] = luma;
      return brightness > 127;
    };
    let down = false;
    let sentAt = 0;
    let waiting = false;
    const toggle = (): void => {
      down = !down;
      waiting = true;
      sentAt = performance.now();
      window.dispatchEvent(
        new KeyboardEvent(down ? 'keydown' : 'keyup', {
          code: 'KeyW',
          key: 'w',
          bubbles: true,
        }),
      );
    };
    const begun = performance.now();
    await new Promise<void>((resolve) => {
      const look = async (_now: number, frame: VideoFrameCallbackMetadata): Promise<void> => {
        const now = performance.now();
        const ended = now - begun >= duration * 1000;
        probe.pictures++;
        if (!ended) video.requestVideoFrameCallback(look);
        if (waiting && (await isWhite()) === down && waiting) {
          waiting = false;
          probe.callbackMs.push(now - sentAt);
          probe.displayMs.push(frame.expectedDisplayTime - sentAt);
          if (!ended) setTimeout(toggle, 10 + Math.random() * 50);
        }
        if (ended) resolve();
      };
      video.requestVideoFrameCallback(look);
      toggle();
    });
    probe.seconds = (performance.now() - begun) / 1000;
    return probe;
  }, seconds);
}

/** Frame-by-frame figures of any game: the client library's own measure of each input, which it finds by RTP timestamp. */
export function playArena(page: Page, seconds: number): Promise<Probe> {
  return page.evaluate(async (duration) => {
    const video = document.querySelector('video');
    if (!video) throw new Error('the page has no video');
    const { nearlight } = globalThis as unknown as { nearlight: { onLatency: (ms: number) => void } };
    const probe = { callbackMs: [] as number[], displayMs: [] as number[], pictures: 0, seconds: 0 };
    nearlight.onLatency = (ms) => probe.callbackMs.push(ms);
    const begun = performance.now();
    const count = (): void => {
      probe.pictures++;
      video.requestVideoFrameCallback(count);
    };
    video.requestVideoFrameCallback(count);
    for (let step = 0; performance.now() - begun < duration * 1000; step++) {
      const code = ['KeyW', 'KeyD', 'KeyS', 'KeyA'][(step >> 1) % 4] ?? '';
      window.dispatchEvent(
        new KeyboardEvent(step % 2 ? 'keyup' : 'keydown', {
          code,
          bubbles: true,
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 60));
    }
    probe.seconds = (performance.now() - begun) / 1000;
    return probe;
  }, seconds);
}
