import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { SHORT_HOLD_MS, startGame } from './game.ts';

const SMALL = '?size=320x180&fps=30';

let browser: Browser;
let game: Awaited<ReturnType<typeof startGame>>;
let page: Page;
let complaints: string[];
let location: string;

beforeAll(async () => {
  game = await startGame();
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await game?.close();
});

beforeEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await until(() => game.seats.every((seat) => seat.closed !== undefined));
  game.refuse = false;
  game.config.returnMsMax = SHORT_HOLD_MS;
  game.seats.length = 0;
  complaints = [];
});

describe('the page when something goes wrong', () => {
  test('the page waits for a seat, says its number, and plays without a click when its turn comes', async () => {
    game.refuse = true;
    await open(SMALL);
    await shows('waiting');
    expect(await page.textContent('#title')).toBe('All seats are taken');
    expect(await page.textContent('#message')).toContain('You are number 1 in the queue.');
    await shot('waiting');
    game.refuse = false;
    await shows('playing');
    expect(game.seats).toHaveLength(1);
  });

  test('the page takes back its own seat after a reload, and frees it when it leaves', async () => {
    game.config.returnMsMax = 30_000;
    await open(SMALL);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await until(() => seat().held.size === 1);
    await page.reload();
    await until(() => seat().lost === 1);
    await shows('playing');
    expect([game.seats.length, seat().closed]).toEqual([1, undefined]);
    await page.evaluate(() => nearlight.leave());
    await until(() => seat().closed === 'deleted');
  });

  test('the page shows its dimmed last picture and a countdown while it reconnects, and what is held acts again', async () => {
    game.config.returnMsMax = 30_000;
    await open(SMALL);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await page.waitForFunction(brightness, [150, 256] as const);
    await page.route('**/whep?*', (route) => route.abort());
    await fetch(new URL(`${location}?hold`, game.url), { method: 'DELETE' });
    await shows('reconnecting');
    expect(await page.textContent('#away-text')).toBe('Reconnecting…');
    expect(await page.textContent('#away-left')).toMatch(/^Your seat is kept for \d+ s\.$/);
    expect(await page.evaluate(brightnessOfCopy)).toBeGreaterThan(150);
    await shot('reconnecting');
    await page.unroute('**/whep?*');
    await shows('playing');
    await until(() => seat().held.has('key 26'));
    expect(game.seats).toHaveLength(1);
    await page.evaluate(() => nearlight.leave());
  });

  test('a page in the background takes no seat until it is in front, and tells the host when it is hidden', async () => {
    const context = await browser.newContext({ viewport: { width: 640, height: 400 } });
    page = await context.newPage();
    await page.addInitScript(() => {
      const state = globalThis as { away?: boolean };
      state.away = true;
      Object.defineProperty(document, 'hidden', { get: () => state.away });
    });
    await page.goto(game.url + SMALL);
    await page.waitForTimeout(500);
    expect([game.seats.length, await page.textContent('#message')]).toEqual([
      0,
      'The game begins when you look at this page.',
    ]);
    await look(true);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await until(() => seat().held.size === 1);
    await look(false);
    await until(() => seat().hidden && seat().held.size === 0);
    await look(true);
    await until(() => !seat().hidden);
    expect(game.seats).toHaveLength(1);
  });

  test('the page shows which sizes are allowed, and offers the default one', async () => {
    await open('?size=9999x10&fps=60');
    await shows('ended');
    expect(await page.textContent('#message')).toContain('size must be WIDTHxHEIGHT');
    expect(await page.isVisible('#retry')).toBe(false);
    expect(await page.isVisible('#defaults')).toBe(true);
    // The headline and the link do not mention the size, because the page also shows them for an unknown game.
    expect(await page.textContent('#title')).toBe('Not available here');
    expect(await page.textContent('#defaults')).toBe('Play with the default settings');
  });

  test('the page shows why the game has ended', async () => {
    await open(SMALL);
    await shows('playing');
    await must(seat().connection, 'connection').end('NL_GUEST_TRAP', 'the game divided by zero', false);
    await shows('ended');
    expect(await page.textContent('#message')).toBe('the game divided by zero');
    expect(await page.isVisible('#retry')).toBe(false);
  });

  test('the page connects again if the connection is lost without a notice', async () => {
    await open(SMALL);
    await shows('playing');
    await fetch(new URL(location, game.url), { method: 'DELETE' });
    await until(() => game.seats.length === 2);
    await shows('playing');
    await page.waitForFunction(brightness, [0, 100] as const);
  });
});

describe('the page while playing', () => {
  test('the page asks for the size in its address, measures latency, and obeys the content policy', async () => {
    await open(SMALL);
    await shows('playing');
    expect([seat().width, seat().height, seat().fps]).toEqual([320, 180, 30]);
    // The page's figures are about the last seconds, so a slow page may lack some of them for a while.
    const found = await page.waitForFunction(() => {
      const stats = nearlight.stats();
      const measured = [stats.fps, stats.latencyP50, stats.serverP50, stats.bitrate].every((figure) => figure > 0);
      return measured && stats.rtt >= 0 && stats.framesShown > 5 ? stats : undefined;
    });
    const stats = must(await found.jsonValue(), 'figures');
    expect(stats.width).toBe(320);
    expect(stats.latencyP99).toBeGreaterThanOrEqual(stats.latencyP50);
    await page.waitForFunction(() => /^\d+ fps · \d+ ms$/.test(document.getElementById('status')?.textContent ?? ''));
    expect(await page.textContent('#title')).toBe('Arena');
    expect(complaints).toEqual([]);
  });

  test('the page sends a key and its release, and hides the card at the first key', async () => {
    await open(SMALL);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await until(() => seat().held.has('key 26'));
    await page.waitForFunction(brightness, [150, 256] as const);
    expect(await page.isVisible('#card')).toBe(false);
    await page.keyboard.up('KeyW');
    await page.waitForFunction(brightness, [0, 100] as const);
    expect(seat().held.size).toBe(0);
  });

  test("the page sends neither the browser's own keys nor Tab nor repeated keys", async () => {
    await open(SMALL);
    await shows('playing');
    await page.keyboard.press('Control+KeyA');
    await page.keyboard.press('F11');
    await page.keyboard.press('Tab');
    await page.keyboard.down('KeyQ');
    await page.keyboard.down('KeyQ');
    await until(() => seat().pressed.includes('key 20'));
    expect(seat().pressed).toEqual(['key 224', 'key 20']);
  });

  test('the page releases every key when it loses the focus', async () => {
    await open(SMALL);
    await shows('playing');
    await page.keyboard.down('KeyW');
    await page.keyboard.down('Space');
    await until(() => seat().held.size === 2);
    await page.evaluate(() => dispatchEvent(new Event('blur')));
    await until(() => seat().held.size === 0);
  });

  test('a key that is still held when the focus returns acts again at its next repeat, a modifier at any event', async () => {
    await open(SMALL);
    await shows('playing');
    for (const code of ['ShiftLeft', 'KeyW', 'KeyQ']) await page.keyboard.down(code);
    await page.mouse.down();
    await until(() => seat().held.size === 4);
    await page.evaluate(() => dispatchEvent(new Event('blur')));
    await until(() => seat().held.size === 0);
    // The browser repeats only the key that was pressed last.
    await page.keyboard.down('KeyQ');
    await until(() => seat().held.size === 2);
    expect([...seat().held].sort()).toEqual(['key 20', 'key 225']);
    await page.mouse.move(100, 100);
    await until(() => seat().held.has('button 0'));
  });

  test('a button that was let go while the page did not have the focus stays released', async () => {
    await open(SMALL);
    await shows('playing');
    await page.click('#card', { position: { x: 5, y: 5 } });
    await page.keyboard.down('ControlLeft');
    await page.mouse.down();
    await until(() => seat().held.size === 2);
    await page.evaluate(() => dispatchEvent(new Event('blur')));
    await until(() => seat().held.size === 0);
    await page.evaluate(() => {
      const stop = (event: Event) => event.stopImmediatePropagation();
      for (const type of ['mouseup', 'keyup']) document.addEventListener(type, stop, { capture: true });
    });
    await page.mouse.up();
    await page.keyboard.up('ControlLeft');
    await page.mouse.move(120, 120);
    await page.keyboard.press('KeyW');
    await until(() => seat().pressed.includes('key 26'));
    expect(seat().held.has('button 0') || seat().held.has('key 224')).toBe(false);
  });

  test('Control that is held does not keep other keys from the game once it has the mouse', async () => {
    await open(SMALL, { width: 640, height: 480 });
    await shows('playing');
    await page.click('#play');
    await until(() => seat().pointer.locked);
    await page.keyboard.down('ControlLeft');
    await page.keyboard.down('KeyD');
    await until(() => seat().held.has('key 224') && seat().held.has('key 7'));
  });

  test('the page sends the position of the pointer in the picture, its buttons and its wheel', async () => {
    // The picture is 640x360 and starts 60 pixels below the top of the page.
    await open(SMALL, { width: 640, height: 480 });
    await shows('playing');
    await page.evaluate(() => (HTMLElement.prototype.requestPointerLock = () => Promise.reject(new Error('refused'))));
    await page.click('#card', { position: { x: 5, y: 5 } });
    await page.mouse.move(320, 240);
    await page.mouse.move(160, 150);
    await until(() => Math.abs(seat().pointer.x - 0.25) < 0.01);
    expect(seat().pointer.y).toBeCloseTo(0.25, 1);
    await page.mouse.down({ button: 'right' });
    await until(() => seat().held.has('button 2'));
    await page.mouse.up({ button: 'right' });
    await page.mouse.wheel(0, 120);
    await until(() => seat().totals.wheelY === 120);
    await until(() => seat().held.size === 0);
  });

  test('the page locks the pointer at a click, and sends relative movement until it is free again', async () => {
    await open(SMALL, { width: 640, height: 480 });
    await shows('playing');
    await page.click('#play');
    await until(() => seat().pointer.locked);
    await page.mouse.move(300, 200);
    await until(() => seat().totals.dx !== 0);
    const { dx, dy } = seat().totals;
    await page.mouse.move(340, 190, { steps: 4 });
    await until(() => seat().totals.dx - dx === 40 && seat().totals.dy - dy === -10);
    await page.mouse.down();
    await until(() => seat().held.has('button 0'));
    await page.keyboard.down('KeyW');
    await page.evaluate(() => document.exitPointerLock());
    await until(() => !seat().pointer.locked);
    // The page still sees what is let go, so what is held goes on.
    expect([...seat().held].sort()).toEqual(['button 0', 'key 26']);
    await page.mouse.up();
    await page.keyboard.up('KeyW');
    await until(() => seat().held.size === 0);
  });

  test('the page has touch controls: a stick on the left, looking around on the right, and a button', async () => {
    await open(SMALL, { width: 844, height: 390, touch: true });
    await shows('playing');
    await page.tap('#play');
    expect(await page.isVisible('#fire')).toBe(true);
    const session = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: [number, number, number][]) =>
      session.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: points.map(([id, x, y]) => ({ id, x, y })),
      });
    await touch('touchStart', [1, 120, 250]);
    await touch('touchMove', [1, 120, 150]);
    await until(() => seat().pointer.axes[1] === -1);
    await touch('touchStart', [1, 120, 150], [2, 600, 100]);
    await touch('touchMove', [1, 120, 150], [2, 640, 100]);
    await until(() => seat().totals.dx === 100 && seat().pointer.locked);
    await touch('touchEnd');
    await until(() => seat().pointer.axes[1] === 0 && !seat().pointer.locked);
    const fire = must(await page.locator('#fire').boundingBox(), 'fire button');
    await touch('touchStart', [3, fire.x + 30, fire.y + 30]);
    await until(() => seat().held.has('button 0'));
    await touch('touchEnd');
    await until(() => seat().held.size === 0);
  });

  test('the page sends gamepads whole, and their buttons also from number 16 on; sticks have a round dead zone', async () => {
    await open(SMALL);
    await shows('playing');
    await page.evaluate(() => {
      const buttons = Array.from({ length: 17 }, (_, index) => ({ pressed: index === 0 || index === 16, value: 0 }));
      buttons[7] = { pressed: false, value: 0.5 };
      const pad = { mapping: 'standard', buttons, axes: [0.6, -0.8, 0.06, -0.07] };
      navigator.getGamepads = () => [null, pad as unknown as Gamepad];
      dispatchEvent(new Event('gamepadconnected'));
    });
    await until(() => seat().pointer.axes[0] !== 0);
    expect(seat().pointer.axes.map((axis) => Math.round(axis * 1000))).toEqual([600, -800, 0, 0]);
    await until(() => seat().pads[0]?.connected === true && seat().held.size === 3);
    expect([...seat().held].sort()).toEqual(['button 16', 'pad 0 button 0', 'pad 0 button 16']);
    const pad = must(seat().pads[0], 'gamepad');
    expect([...pad.axes].map((axis) => Math.round(axis * 1000))).toEqual([600, -800, 0, 0]);
    expect([pad.values[7], pad.values[8], seat().pads[1]?.connected]).toEqual([128, 0, false]);
    // Losing the focus releases everything. A gamepad can be read again at once, without being moved.
    seat().held.clear();
    await page.evaluate(() => dispatchEvent(new Event('blur')));
    await until(() => seat().held.size === 3 && (seat().pointer.axes[0] ?? 0) > 0.5);
    await page.evaluate(() => {
      navigator.getGamepads = () => [];
      dispatchEvent(new Event('gamepaddisconnected'));
    });
    await until(() => seat().held.size === 0 && seat().pointer.axes.every((axis) => axis === 0));
    await until(() => seat().pads.every(({ connected }) => !connected));
  });

  test('gamepads keep their places while others come and go, and those without the standard mapping get none', async () => {
    await open(SMALL);
    await shows('playing');
    const connect = (pads: readonly (string | null)[]) =>
      page.evaluate((mappings) => {
        const buttons = (index: number) => Array.from({ length: 17 }, (_, n) => ({ pressed: n === index, value: 0 }));
        const list = mappings.map(
          (mapping, index) =>
            (mapping === null ? null : { mapping, buttons: buttons(index), axes: [0, 0, 0, 0] }) as Gamepad | null,
        );
        navigator.getGamepads = () => list;
        dispatchEvent(new Event('gamepadconnected'));
      }, pads);
    const places = () => seat().pads.map(({ buttons }) => Math.log2(buttons));
    await connect(['other', 'standard', 'standard']);
    await until(() => seat().pads.filter(({ connected }) => connected).length === 2);
    expect([...seat().held].sort()).toEqual(['button 17', 'button 18', 'pad 0 button 1', 'pad 1 button 2']);
    await connect(['other', null, 'standard', 'standard']);
    await until(() => seat().held.has('pad 0 button 3'));
    await until(() => places().slice(0, 2).join() === '3,2');
    await connect(['standard', 'standard', 'standard', 'standard', 'standard']);
    await until(() => seat().pads.every(({ connected }) => connected));
    await until(() => places().slice(0, 2).join() === '3,2');
  });

  test('the page says when the server gives it a smaller picture than it asked for', async () => {
    game.wanted = { width: 1280, height: 720, fps: 60 };
    await open(SMALL);
    await shows('playing');
    game.wanted = undefined;
    await page.waitForSelector('#smaller', { state: 'visible' });
    expect(await page.textContent('#smaller-text')).toBe(
      'This server is busy: your picture is 320 × 180 at 30 fps instead of 1280 × 720 at 60 fps.',
    );
    await open(SMALL);
    await shows('playing');
    expect(await page.isVisible('#smaller')).toBe(false);
  });

  test('the page frees its seat at once when it is closed', async () => {
    await open(SMALL);
    await shows('playing');
    await page.goto('about:blank');
    await until(() => seat().closed !== undefined);
    // The DELETE request and the end of the connection may arrive in either order.
    expect(['page', 'deleted']).toContain(seat().closed);
  });
});

async function open(query: string, { width = 640, height = 400, touch = false } = {}): Promise<void> {
  const context = await browser.newContext({
    viewport: { width, height },
    hasTouch: touch,
    isMobile: touch,
  });
  page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('response', (response) => {
    location = response.headers().location ?? location;
  });
  await page.goto(game.url + query);
}

/** Returns the player that joined last. */
function seat() {
  return at(game.seats, -1);
}

/** Shows or hides the page, as far as it can tell. */
function look(isShown: boolean): Promise<void> {
  return page.evaluate((shown) => {
    (globalThis as { away?: boolean }).away = !shown;
    document.dispatchEvent(new Event('visibilitychange'));
  }, isShown);
}

/** Takes a picture of the page, if the environment says where to keep it. */
async function shot(name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

async function shows(state: string): Promise<void> {
  await page.waitForSelector(`body[data-state=${state}]`, { timeout: WAIT_MS_MAX });
}

async function until(done: () => boolean): Promise<void> {
  await eventually(() => expect(done(), `${done}; ${JSON.stringify(game.seats.at(-1)?.pointer)}`).toBe(true));
}

/** Runs in the page. Returns the brightness of the copy of the last picture, of 255. */
function brightnessOfCopy(): number {
  const [, green = -1] = document.querySelector('canvas')?.getContext('2d')?.getImageData(0, 0, 1, 1).data ?? [];
  return green;
}

/** Runs in the page. Returns whether the brightness of the video's picture lies between the two values, of 255. */
function brightness([low, high]: readonly [number, number]): boolean {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d');
  const video = document.querySelector('video');
  if (!context || !video) throw new Error('no canvas or no video');
  context.drawImage(video, 0, 0, 1, 1);
  const [, green = -1] = context.getImageData(0, 0, 1, 1).data;
  return green >= low && green < high;
}
