import type { Page } from 'playwright-core';

export interface Probe {
  /** Milliseconds from dispatching a key event to the callback of the first picture that shows it. */
  callbackMs: number[];
  /**
   * Milliseconds from dispatching a key event until the browser expects the first picture that shows it on the screen
   * (expectedDisplayTime of requestVideoFrameCallback).
   */
  displayMs: number[];
  /** Number of pictures shown, and the time in which they were counted. */
  pictures: number;
  seconds: number;
}

/**
 * Presses and releases a key at random times in a page that plays latency.wasm, and finds the first picture that shows each
 * change. Runs inside the page. It reads a pixel of the pictures and ignores what the host reports.
 */
export function probeLatency(page: Page, seconds: number): Promise<Probe> {
  return page.evaluate(async (duration) => {
    const video = document.querySelector('video');
    if (!video) throw new Error('the page has no video');
    const luma = new Uint8Array(4 * 4 * 4);
    const probe = { callbackMs: [] as number[], displayMs: [] as number[], pictures: 0, seconds: 0 };
    // Copy only 4x4 pixels of the decoded frame, in any format. Drawing the frame to a canvas would convert all of it.
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

/** Plays the game `arena` and collects the latency of each input, which the player's page itself measures by RTP timestamp. */
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
