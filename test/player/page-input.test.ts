import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { eventually } from '../wait.ts';
import { brightness, startVisits } from './visit.ts';

let visits: Awaited<ReturnType<typeof startVisits>>;
let page: Page;

beforeAll(async () => {
  visits = await startVisits();
});

afterAll(() => visits?.close());

async function open({ width = 640, height = 400, touch = false } = {}): Promise<void> {
  page = await visits.visit({
    query: '?size=320x180&fps=30',
    viewport: { width, height },
    hasTouch: touch,
    isMobile: touch,
  });
}

async function until(done: () => boolean): Promise<void> {
  await eventually(() => expect(done(), `${done}; ${JSON.stringify(visits.seat().pointer)}`).toBe(true));
}

test('the page sends a key and its release, and hides the card at the first key', async () => {
  await open();
  await page.keyboard.down('KeyW');
  await until(() => visits.seat().held.has('key 26'));
  await page.waitForFunction(brightness, [150, 256] as const);
  expect(await page.isVisible('#card')).toBe(false);
  await page.keyboard.up('KeyW');
  await page.waitForFunction(brightness, [0, 100] as const);
  expect(visits.seat().held.size).toBe(0);
});

test("the page sends neither the browser's own keys nor Tab nor repeated keys", async () => {
  await open();
  await page.keyboard.press('Control+KeyA');
  await page.keyboard.press('F11');
  await page.keyboard.press('Tab');
  await page.keyboard.down('KeyQ');
  await page.keyboard.down('KeyQ');
  await until(() => visits.seat().pressed.includes('key 20'));
  expect(visits.seat().pressed).toEqual(['key 224', 'key 20']);
});

test('the page releases every key when it loses the focus', async () => {
  await open();
  await page.keyboard.down('KeyW');
  await page.keyboard.down('Space');
  await until(() => visits.seat().held.size === 2);
  await page.evaluate(() => dispatchEvent(new Event('blur')));
  await until(() => visits.seat().held.size === 0);
});

test('a key that is still held when the focus returns acts again at its next repeat, a modifier at any event', async () => {
  await open();
  for (const code of ['ShiftLeft', 'KeyW', 'KeyQ']) await page.keyboard.down(code);
  await page.mouse.down();
  await until(() => visits.seat().held.size === 4);
  await page.evaluate(() => dispatchEvent(new Event('blur')));
  await until(() => visits.seat().held.size === 0);
  // The browser repeats only the key that was pressed last.
  await page.keyboard.down('KeyQ');
  await until(() => visits.seat().held.size === 2);
  expect([...visits.seat().held].sort()).toEqual(['key 20', 'key 225']);
  await page.mouse.move(100, 100);
  await until(() => visits.seat().held.has('button 0'));
});

test('a button that was let go while the page did not have the focus stays released', async () => {
  await open();
  await page.click('#card', { position: { x: 5, y: 5 } });
  await page.keyboard.down('ControlLeft');
  await page.mouse.down();
  await until(() => visits.seat().held.size === 2);
  await page.evaluate(() => dispatchEvent(new Event('blur')));
  await until(() => visits.seat().held.size === 0);
  await page.evaluate(() => {
    const stop = (event: Event) => event.stopImmediatePropagation();
    for (const type of ['mouseup', 'keyup']) document.addEventListener(type, stop, { capture: true });
  });
  await page.mouse.up();
  await page.keyboard.up('ControlLeft');
  await page.mouse.move(120, 120);
  await page.keyboard.press('KeyW');
  await until(() => visits.seat().pressed.includes('key 26'));
  expect(visits.seat().held.has('button 0') || visits.seat().held.has('key 224')).toBe(false);
});

test('Control that is held does not keep other keys from the game once it has the mouse', async () => {
  await open({ width: 640, height: 480 });
  await page.click('#play');
  await until(() => visits.seat().pointer.locked);
  await page.keyboard.down('ControlLeft');
  await page.keyboard.down('KeyD');
  await until(() => visits.seat().held.has('key 224') && visits.seat().held.has('key 7'));
});

test('the page sends the position of the pointer in the picture, its buttons and its wheel', async () => {
  // The picture is 640x360 and starts 60 pixels below the top of the page.
  await open({ width: 640, height: 480 });
  await page.evaluate(() => (HTMLElement.prototype.requestPointerLock = () => Promise.reject(new Error('refused'))));
  await page.click('#card', { position: { x: 5, y: 5 } });
  await page.mouse.move(320, 240);
  await page.mouse.move(160, 150);
  await until(() => Math.abs(visits.seat().pointer.x - 0.25) < 0.01);
  expect(visits.seat().pointer.y).toBeCloseTo(0.25, 1);
  await page.mouse.down({ button: 'right' });
  await until(() => visits.seat().held.has('button 2'));
  await page.mouse.up({ button: 'right' });
  await page.mouse.wheel(0, 120);
  await until(() => visits.seat().totals.wheelY === 120);
  await until(() => visits.seat().held.size === 0);
});

test('the page locks the pointer at a click, and sends relative movement until it is free again', async () => {
  await open({ width: 640, height: 480 });
  await page.click('#play');
  await until(() => visits.seat().pointer.locked);
  await page.mouse.move(300, 200);
  await until(() => visits.seat().totals.dx !== 0);
  const { dx, dy } = visits.seat().totals;
  await page.mouse.move(340, 190, { steps: 4 });
  await until(() => visits.seat().totals.dx - dx === 40 && visits.seat().totals.dy - dy === -10);
  await page.mouse.down();
  await until(() => visits.seat().held.has('button 0'));
  await page.keyboard.down('KeyW');
  await page.evaluate(() => document.exitPointerLock());
  await until(() => !visits.seat().pointer.locked);
  // The page still sees what is let go, so what is held goes on.
  expect([...visits.seat().held].sort()).toEqual(['button 0', 'key 26']);
  await page.mouse.up();
  await page.keyboard.up('KeyW');
  await until(() => visits.seat().held.size === 0);
});

test('the page has touch controls: a stick on the left, looking around on the right, and a button', async () => {
  await open({ width: 844, height: 390, touch: true });
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
  await until(() => visits.seat().pointer.axes[1] === -1);
  await touch('touchStart', [1, 120, 150], [2, 600, 100]);
  await touch('touchMove', [1, 120, 150], [2, 640, 100]);
  await until(() => visits.seat().totals.dx === 100 && visits.seat().pointer.locked);
  await touch('touchEnd');
  await until(() => visits.seat().pointer.axes[1] === 0 && !visits.seat().pointer.locked);
  const fire = must(await page.locator('#fire').boundingBox(), 'fire button');
  await touch('touchStart', [3, fire.x + 30, fire.y + 30]);
  await until(() => visits.seat().held.has('button 0'));
  await touch('touchEnd');
  await until(() => visits.seat().held.size === 0);
});

test('the page sends gamepads whole, and their buttons also from number 16 on; sticks have a round dead zone', async () => {
  await open();
  await page.evaluate(() => {
    const buttons = Array.from({ length: 17 }, (_, index) => ({ pressed: index === 0 || index === 16, value: 0 }));
    buttons[7] = { pressed: false, value: 0.5 };
    const pad = { mapping: 'standard', buttons, axes: [0.6, -0.8, 0.06, -0.07] };
    navigator.getGamepads = () => [null, pad as unknown as Gamepad];
    dispatchEvent(new Event('gamepadconnected'));
  });
  await until(() => visits.seat().pointer.axes[0] !== 0);
  expect(visits.seat().pointer.axes.map((axis) => Math.round(axis * 1000))).toEqual([600, -800, 0, 0]);
  await until(() => visits.seat().pads[0]?.connected === true && visits.seat().held.size === 3);
  expect([...visits.seat().held].sort()).toEqual(['button 16', 'pad 0 button 0', 'pad 0 button 16']);
  const pad = must(visits.seat().pads[0], 'gamepad');
  expect([...pad.axes].map((axis) => Math.round(axis * 1000))).toEqual([600, -800, 0, 0]);
  expect([pad.values[7], pad.values[8], visits.seat().pads[1]?.connected]).toEqual([128, 0, false]);
  // Losing the focus releases everything. A gamepad can be read again at once, without being moved.
  visits.seat().held.clear();
  await page.evaluate(() => dispatchEvent(new Event('blur')));
  await until(() => visits.seat().held.size === 3 && (visits.seat().pointer.axes[0] ?? 0) > 0.5);
  await page.evaluate(() => {
    navigator.getGamepads = () => [];
    dispatchEvent(new Event('gamepaddisconnected'));
  });
  await until(() => visits.seat().held.size === 0 && visits.seat().pointer.axes.every((axis) => axis === 0));
  await until(() => visits.seat().pads.every(({ connected }) => !connected));
});

test('gamepads keep their places while others come and go, and those without the standard mapping get none', async () => {
  await open();
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
  const places = () => visits.seat().pads.map(({ buttons }) => Math.log2(buttons));
  await connect(['other', 'standard', 'standard']);
  await until(() => visits.seat().pads.filter(({ connected }) => connected).length === 2);
  expect([...visits.seat().held].sort()).toEqual(['button 17', 'button 18', 'pad 0 button 1', 'pad 1 button 2']);
  await connect(['other', null, 'standard', 'standard']);
  await until(() => visits.seat().held.has('pad 0 button 3'));
  await until(() => places().slice(0, 2).join() === '3,2');
  await connect(['standard', 'standard', 'standard', 'standard', 'standard']);
  await until(() => visits.seat().pads.every(({ connected }) => connected));
  await until(() => places().slice(0, 2).join() === '3,2');
});
