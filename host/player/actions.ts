import { type GameAction, nameOfAction } from '../base/actions.ts';
import { make } from './dom.ts';
import { nameOfKey } from './key-names.ts';
import type { TouchButton } from './touch.ts';

/** Keys that the card with the first hints explains for all games. */
const USUAL_KEYS = /^(Key[WASD]|Arrow\w+)$/;
/** The card has room for so many further hints. */
const HINTS_MAX = 3;

/** The actions of a game, and the language in which the page names them. */
export type NamedActions = { actions: readonly GameAction[]; language: string };

/**
 * Names the buttons on the screen after what they do in the game, and hides those that do nothing. Without actions they stay as
 * the page has them.
 */
export function nameButtons(buttons: readonly TouchButton[], { actions, language }: NamedActions): void {
  if (actions.length === 0) return;
  for (const { element, button } of buttons) {
    const action = actions.find((one) => one.buttons.includes(button));
    element.hidden = action === undefined;
    if (action) element.setAttribute('aria-label', nameOfAction(action, language));
  }
}

/** Adds to a list of hints what the keys do that the list does not mention. Hints from an earlier call are replaced. */
export function addHints(list: HTMLElement, { actions, language }: NamedActions): void {
  for (const old of list.querySelectorAll('.action')) old.remove();
  const others = actions.filter(({ keys: [key] }) => key !== undefined && !USUAL_KEYS.test(key));
  const hints = others.slice(0, HINTS_MAX).map((action) => {
    const key = make('kbd', {}, nameOfKey(action.keys[0] ?? ''));
    const name = make('span', {}, nameOfAction(action, language));
    return make('li', { class: 'mouse action' }, make('span', { class: 'keys' }, key), name);
  });
  // The last hint with the mouse says how to get it back.
  [...list.querySelectorAll('.mouse')].at(-1)?.before(...hints);
}
