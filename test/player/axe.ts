import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A kind of device, as the player's page tells them apart: by the size of its window, and whether fingers operate it. */
export interface Device {
  readonly name: string;
  readonly viewport: { readonly width: number; readonly height: number };
  readonly isTouch: boolean;
}

export const DEVICES: readonly Device[] = [
  { name: 'desktop', viewport: { width: 1280, height: 720 }, isTouch: false },
  { name: 'tablet', viewport: { width: 820, height: 1180 }, isTouch: true },
  { name: 'upright', viewport: { width: 390, height: 844 }, isTouch: true },
  { name: 'sideways', viewport: { width: 844, height: 390 }, isTouch: true },
];

/** Lays an open page out for a device. That is much faster than to bring about the page's state once for each device. */
export async function layOutFor(page: Page, { viewport, isTouch }: Device): Promise<void> {
  await page.setViewportSize(viewport);
  await page.evaluate((touch) => {
    document.getElementById('page')?.classList.toggle('touch', touch);
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, isTouch);
}

/**
 * Returns the accessibility faults that axe finds in the page, each with the element.
 * @param selector of the part of the player to look at. Default: the whole page
 */
export async function faults(page: Page, selector?: string): Promise<string[]> {
  const hasAxe = await page.evaluate(() => 'axe' in globalThis);
  if (!hasAxe) await page.evaluate(AXE);
  const { violations } = await page.evaluate((part) => {
    const { axe } = globalThis as unknown as { axe: { run(context: Node): Promise<AxeResults> } };
    const found = part === undefined ? document : document.querySelector(part);
    if (!found) throw new Error(`there is no ${part}`);
    return axe.run(found);
  }, selector);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, html }) => `${id}: ${target.join(' ')} ${html}`));
}
