import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { eventually } from '../../wait.ts';
import type { ChromiumSource, SourceOptions } from './chromium-page.ts';

declare global {
  var source: typeof import('./chromium-page.ts');
  var sending: ChromiumSource;
}

const ADDRESS = 'http://127.0.0.1:9/sender';

/** A page that sends the scene with Chromium's own WebRTC. */
export class ChromiumSender {
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  static async open(browser: Browser, options: SourceOptions): Promise<ChromiumSender> {
    const { outputFiles } = await build({
      entryPoints: [join(import.meta.dirname, 'chromium-page.ts')],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'source',
    });
    const page = await browser.newPage();
    await page.route(ADDRESS, (route) => route.fulfill({ contentType: 'text/html', body: '<title>sender</title>' }));
    await page.goto(ADDRESS);
    await page.addScriptTag({ content: outputFiles[0]?.text ?? '' });
    await page.evaluate((given) => {
      globalThis.sending = new source.ChromiumSource(given);
    }, options);
    return new ChromiumSender(page);
  }

  /** Returns the SDP answer with the candidates. */
  answer(offer: string): Promise<string> {
    return this.#page.evaluate((sdp) => sending.answer(sdp), offer);
  }

  connected(): Promise<void> {
    return eventually(async () => {
      const state = await this.#page.evaluate(() => sending.peer.connectionState);
      if (state !== 'connected') throw new Error(`the connection is ${state}`);
    });
  }

  /**
   * Sends pictures for some seconds.
   * @param origin when the measurement began, in milliseconds since 1970
   * @returns when each picture was taken, by its number, in milliseconds since `origin`
   */
  send(origin: number, seconds: number): Promise<number[]> {
    return this.#page.evaluate(([from = 0, duration = 0]) => sending.send(from, duration), [origin, seconds]);
  }

  close(): Promise<void> {
    return this.#page.close();
  }
}
