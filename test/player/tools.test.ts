import jsQR from 'jsqr';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { eventually } from '../wait.ts';
import { shoot, shows, startVisits } from './visit.ts';

/** The part of the page that has the settings, captions and the like. */
const TOOLS = /\/tools-[A-Z0-9]{8}\.js$/;
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let visits: Awaited<ReturnType<typeof startVisits>>;

beforeAll(async () => {
  visits = await startVisits();
});

afterEach(() => {
  visits.game.config.viewFpsMax = 120;
  expect(visits.complaints).toEqual([]);
});

afterAll(() => visits?.close());

describe('settings', () => {
  test('another picture comes without leaving the seat, and the page says nothing of a connection', async () => {
    const page = await visits.visit();
    await page.evaluate(() => {
      const seen: string[] = [];
      Object.assign(globalThis, { seen });
      new MutationObserver(() => seen.push(document.body.dataset.state ?? '')).observe(document.body, {
        attributeFilter: ['data-state'],
      });
    });
    await openSettings(page);
    await page.selectOption('#setting-size', '848x480');
    await page.waitForFunction(() => document.querySelector('video')?.videoWidth === 848);
    await page.waitForFunction(() => !('exchanging' in document.body.dataset));
    expect(await page.textContent('.settings .status')).toBe('Done.');
    await page.selectOption('#setting-bitrate', '2000000');
    await eventually(() => expect(visits.seat().bitrateMax).toBe(2_000_000));
    const { width, height, fps, closed } = visits.seat();
    expect([visits.game.seats.length, width, height, fps, closed]).toEqual([1, 848, 480, 30, undefined]);
    expect(await page.evaluate(() => (globalThis as { seen?: string[] }).seen)).toEqual([]);
    // The next visit begins with the same picture.
    await page.waitForFunction(() => document.querySelector('.settings .status')?.textContent === 'Done.');
    await page.reload();
    await shows(page, 'playing');
    await eventually(() => expect([visits.seat().width, visits.seat().bitrateMax]).toEqual([848, 2_000_000]));
  });

  test('a picture that the server refuses leaves everything as it was, and the reason stands in the panel', async () => {
    visits.game.config.viewFpsMax = 60;
    const page = await visits.visit();
    await openSettings(page);
    await page.selectOption('#setting-fps', '120');
    await page.waitForFunction(() => document.querySelector('.settings .status')?.textContent?.includes('1 to 60'));
    expect(await page.inputValue('#setting-fps')).toBe('30');
    expect([await page.getAttribute('body', 'data-state'), visits.game.seats.length]).toEqual(['playing', 1]);
    visits.complaints.length = 0; // The browser itself reports the refused request.
  });

  test('a stored picture that the server refuses is dropped, so that the page can play', async () => {
    visits.game.config.viewFpsMax = 60;
    const page = await visits.visit({ settings: { size: '640x360', fps: '120' } });
    expect([visits.seat().width, visits.seat().fps]).toEqual([1280, 60]);
    await page.waitForFunction(() =>
      document.querySelector('.caption')?.textContent?.includes('refused your settings'),
    );
    const stored = await page.evaluate(() => localStorage.getItem('nearlight.settings'));
    expect(JSON.parse(must(stored ?? undefined, 'settings'))).toMatchObject({ size: '', fps: '' });
    visits.complaints.length = 0;
  });

  test("the page's URL wins over the settings, and the panel says so", async () => {
    const page = await visits.visit({ query: '?size=320x180' });
    expect([visits.seat().width, visits.seat().fps]).toEqual([320, 30]);
    await openSettings(page);
    expect([await page.isDisabled('#setting-size'), await page.inputValue('#setting-size')]).toEqual([true, '320x180']);
    expect(await page.textContent('#setting-size-cost')).toBe('The address of this page sets this.');
    expect(await page.isDisabled('#setting-fps')).toBe(false);
  });

  test('sharp pixels, the volume and the language act at once, and a reset undoes them', async () => {
    const page = await visits.visit();
    const scaling = () => page.locator('#picture').evaluate((picture) => getComputedStyle(picture).imageRendering);
    await openSettings(page);
    expect(await scaling()).toBe('auto');
    await page.selectOption('#setting-scaling', 'sharp');
    expect(await scaling()).toBe('pixelated');
    await page.fill('#setting-volume', '0.25');
    expect(await page.evaluate(() => document.querySelector('audio')?.volume)).toBe(0.25);
    await page.selectOption('#setting-language', 'zh');
    await page.waitForFunction(() => document.querySelector('.settings h2')?.textContent === '设置');
    expect(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.id)).toBe('setting-language');
    expect(await page.getAttribute('nearlight-player', 'lang')).toBe('zh');
    await shoot(page, 'settings-zh');
    await page.click('.settings footer button');
    await page.waitForFunction(() => document.querySelector('.settings h2')?.textContent === 'Settings');
    expect(await scaling()).toBe('auto');
    expect(await page.inputValue('#setting-volume')).toBe('1');
  });

  test('the page speaks Chinese in a Chinese browser', async () => {
    const page = await visits.visit({ locale: 'zh-CN' });
    await page.waitForFunction(() => document.querySelector('#play')?.textContent === '开始游戏');
    expect(await page.getAttribute('#full', 'aria-label')).toBe('全屏');
    await shoot(page, 'card-zh');
  });

  test('a phone finds all tools in the settings', async () => {
    const page = await visits.visit(PHONE);
    await page.tap('#play');
    expect(await page.locator('nav .tool:visible').count()).toBe(1);
    await shoot(page, 'playing-phone');
    await page.tap('nav .settings');
    expect(await page.locator('.settings .actions .tool:visible').allTextContents()).toEqual([
      'Invite',
      'Screenshot',
      'Record',
    ]);
    await shoot(page, 'settings-phone');
    const sheet = must((await page.locator('.settings .sheet').boundingBox()) ?? undefined, 'sheet');
    expect(sheet.x >= 0 && sheet.x + sheet.width <= 390).toBe(true);
    await page.tap('.settings .invite');
    await page.waitForSelector('.qr', { state: 'visible' });
    await shoot(page, 'invitation-phone');
  });
});

describe('an invitation', () => {
  test('the code that is shown leads to the game, without the picture of the one who invites', async () => {
    const page = await visits.visit({ query: '?game=Arena&size=320x180' });
    await page.keyboard.press('KeyW');
    await page.click('nav .invite');
    const link = `${visits.game.url}?game=Arena`;
    await page.waitForSelector('.invitation[open]');
    expect(await page.inputValue('.invitation input')).toBe(link);
    expect(await page.isVisible('.invitation .warning')).toBe(true);
    const picture = sharp(await page.locator('.qr').screenshot()).ensureAlpha();
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    const decode = ('default' in jsQR ? jsQR.default : jsQR) as unknown as (
      ...pixels: [Uint8ClampedArray, number, number]
    ) => { data: string } | null;
    expect(decode(new Uint8ClampedArray(data), info.width, info.height)?.data).toBe(link);
    await shoot(page, 'invitation');
  });

  test('the link is copied, or selected where the page has no clipboard', async () => {
    const page = await visits.visit({
      prepare: () => {
        const copied: string[] = [];
        Object.assign(globalThis, { copied });
        const writeText = async (text: string) => void copied.push(text);
        Object.defineProperty(navigator, 'clipboard', { value: { writeText }, configurable: true });
      },
    });
    await page.click('nav .invite');
    await page.click('.invitation .plain');
    await page.waitForFunction(() => document.querySelector('.invitation .status')?.textContent === 'Copied');
    expect(await page.evaluate(() => (globalThis as { copied?: string[] }).copied)).toEqual([visits.game.url]);
    await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
    await page.click('.invitation .plain');
    await page.waitForFunction(
      () => getSelection()?.toString() !== '' || document.activeElement?.shadowRoot?.activeElement?.matches('input'),
    );
    expect(await page.textContent('.invitation .status')).toBe('Select the link and copy it.');
  });
});

describe('the keyboard alone', () => {
  test('Tab reaches every control in order with a visible focus, and Escape returns to the game', async () => {
    const page = await visits.visit();
    await page.keyboard.press('KeyW');
    await page.waitForSelector('#card', { state: 'hidden' });
    const reached: string[] = [];
    for (let count = 0; count < 6; count++) {
      await page.keyboard.press('Tab');
      const [name, isSeen] = await page.evaluate(() => {
        const focused = document.activeElement?.shadowRoot?.activeElement ?? document.body;
        const { id, classList } = focused;
        const { outlineStyle, outlineWidth } = getComputedStyle(focused);
        return [id || classList[1], outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2] as const;
      });
      expect([name, isSeen]).toEqual([name, true]);
      reached.push(name ?? '');
    }
    expect(reached).toEqual(['invite', 'screenshot', 'record', 'settings', 'figures', 'full']);
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.id)).toBe('stage');
  });

  test('a dialog keeps its keys from the game, closes at Escape, and leaves the focus at its button', async () => {
    const page = await visits.visit();
    await page.keyboard.press('KeyQ');
    await page.focus('nav .settings');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open]');
    await page.focus('#setting-language');
    await page.keyboard.press('KeyQ');
    await page.keyboard.press('F9');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog[open]', { state: 'detached' });
    expect(
      await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.classList.contains('settings')),
    ).toBe(true);
    // Enter opened the panel as a key of the page, not of the game.
    expect(visits.seat().pressed).toEqual(['key 20']);
  });

  test('a key that is held while a dialog opens is let go in the game', async () => {
    const page = await visits.visit();
    await page.keyboard.down('KeyW');
    await eventually(() => expect(visits.seat().held.has('key 26')).toBe(true));
    await page.click('nav .settings');
    await page.keyboard.up('KeyW');
    await eventually(() => expect(visits.seat().held.size).toBe(0));
  });

  test('the page says how to free the mouse when the game takes it', async () => {
    const page = await visits.visit();
    expect(await page.textContent('#toast')).toContain('press Tab for the buttons');
    await page.click('#play');
    await page.waitForFunction(() => document.querySelector('.caption')?.textContent === 'Esc frees the mouse');
    await shoot(page, 'locked');
    // The hint is gone as soon as the mouse is free.
    await page.evaluate(() => document.exitPointerLock());
    await page.waitForFunction(() => document.querySelector('.caption')?.textContent === '');
  });

  test.each([
    ['says it as soon as captions are there', true, 'Esc frees the mouse'],
    ['does not say it if the mouse is free by then', false, ''],
  ])('a page that loads captions after the game has taken the mouse %s', async (_, isHeld, words) => {
    const page = await visits.visit();
    const loaded = Promise.withResolvers<void>();
    await page.route(TOOLS, async (route) => {
      await loaded.promise;
      await route.continue();
    });
    await page.reload();
    await shows(page, 'playing');
    await page.click('#play');
    await eventually(() => expect(visits.seat().pointer.locked).toBe(true));
    if (!isHeld) {
      await page.evaluate(() => document.exitPointerLock());
      await eventually(() => expect(visits.seat().pointer.locked).toBe(false));
    }
    expect(await page.locator('.caption').count()).toBe(0);
    loaded.resolve();
    await page.waitForSelector('.caption', { state: 'attached' });
    expect(await page.textContent('.caption')).toBe(words);
  });
});

describe('captions', () => {
  test('a screen reader hears them, and nothing moves for a player who wants no motion', async () => {
    const page = await visits.visit({ reducedMotion: 'reduce' });
    const found = await page.evaluate(() => {
      const line = document.querySelector('.caption');
      const dot = document.querySelector('.recording .dot');
      if (!line || !dot) throw new Error('no caption');
      const transition = getComputedStyle(line).transitionDuration;
      return [line.getAttribute('role'), line.ariaLive, transition, getComputedStyle(dot).animationName];
    });
    expect(found).toEqual(['status', 'polite', '0s', 'none']);
  });
});

async function openSettings(page: Page): Promise<void> {
  await page.click('nav .settings');
  await page.waitForSelector('dialog[open]');
  await shoot(page, 'settings');
}

test('a caption without words cannot be seen', async () => {
  const page = await visits.visit();
  await page.keyboard.press('KeyW');
  await page.waitForSelector('#card', { state: 'hidden' });
  await page.waitForSelector('.caption.empty', { state: 'attached' });
  const opacity = () => page.evaluate(() => getComputedStyle(document.querySelector('.caption') as Element).opacity);
  await expect.poll(opacity).toBe('0');
});
