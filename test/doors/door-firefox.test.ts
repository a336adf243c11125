import { afterEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { defaultAddress } from '../../host/stream/candidate.ts';
import { startHostProcess } from '../e2e/host.ts';
import { eventually } from '../wait.ts';
import { Firefox } from './firefox.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Brightness of the middle of the picture, 0 to 255. */
const BRIGHTNESS = `(() => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d');
  const video = document.querySelector('video') ?? document.querySelector('nearlight-player').shadowRoot.querySelector('video');
  context.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data[0];
})()`;

test.each([
  ['UDP', () => must(defaultAddress(), 'address other than loopback')],
  // Firefox opens no WebRTC connection to a loopback address.
  ['WebSocket', () => '127.0.0.1'],
])('Firefox plays over %s, in VP8 if it has no H.264, and shows the keys that are pressed', async (door, addressOf) => {
  const address = addressOf();
  const host = await startHostProcess(['build/latency.wasm'], { HOST: address, ADMISSION: 'open' });
  closing.push(() => host.stop());
  const firefox = await Firefox.start();
  closing.push(() => firefox.close());
  await firefox.goto(`${host.url}?size=640x360&fps=60`);
  const stats = async () =>
    JSON.parse(
      await firefox.evaluate<string>('JSON.stringify([nearlight.state.kind, nearlight.stats().door])'),
    ) as string[];
  await eventually(async () => expect(await stats()).toEqual(['playing', door]));
  for (const down of [true, false, true]) {
    await firefox.evaluate(
      `dispatchEvent(new KeyboardEvent('${down ? 'keydown' : 'keyup'}', { code: 'KeyW', key: 'w', bubbles: true })), true`,
    );
    await eventually(async () => expect((await firefox.evaluate<number>(BRIGHTNESS)) > 127).toBe(down));
  }
});
