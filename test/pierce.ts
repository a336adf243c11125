import type { Browser } from 'playwright-core';

/**
 * Lets scripts that tests run in a browser's pages find elements inside `<nearlight-player>`: document.querySelector and
 * document.getElementById look into its shadow root too. Playwright's own selectors do so anyway.
 */
export function pierce(browser: Browser): Browser {
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    await context.addInitScript(lookInside);
    return context;
  };
  return browser;
}

/** Runs in the page before its own scripts. */
function lookInside(): void {
  const { querySelector, getElementById } = Document.prototype;
  const inside = () => querySelector.call(document, 'nearlight-player')?.shadowRoot;
  Document.prototype.querySelector = function (selector: string) {
    return querySelector.call(this, selector) ?? inside()?.querySelector(selector) ?? null;
  };
  Document.prototype.getElementById = function (id: string) {
    return getElementById.call(this, id) ?? inside()?.getElementById(id) ?? null;
  };
}
