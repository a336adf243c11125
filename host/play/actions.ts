import type { GameAction } from '../base/actions.ts';
import { readAssets } from '../base/assets.ts';
import { NearlightError } from '../base/errors.ts';
import { cleanText } from '../base/requests.ts';
import { KEYS } from '../player/keys.ts';

/** Name of the asset with the actions of a game. */
export const ACTIONS_ASSET = 'controls.json';
const BYTES_MAX = 16_384;
const ACTIONS_MAX = 32;
const KEYS_MAX = 4;
const LANGUAGES_MAX = 32;
const NAME_LENGTH_MAX = 40;
const BUTTONS = 32;

/**
 * Reads the actions of a game from its asset pack, which pages show to players.
 * @returns no actions if the pack has no asset of that name
 * @throws NearlightError NL_MODULE_INVALID saying what is wrong
 */
export function readActions(pack: Uint8Array): readonly GameAction[] {
  const asset = readAssets(pack).find(({ name }) => name === ACTIONS_ASSET);
  if (!asset) return [];
  if (asset.bytes > BYTES_MAX) throw invalid(`it has more than ${BYTES_MAX} bytes`);
  const text = new TextDecoder().decode(pack.subarray(asset.offset, asset.offset + asset.bytes));
  const list = (parse(text) as { actions?: unknown } | null)?.actions;
  if (!Array.isArray(list) || list.length > ACTIONS_MAX)
    throw invalid(`it must be { "actions": [...] } with at most ${ACTIONS_MAX} actions`);
  return list.map(readAction);
}

function readAction(given: unknown, index: number): GameAction {
  const wrong = (detail: string) => invalid(`action ${index + 1}: ${detail}`);
  if (typeof given !== 'object' || given === null) throw wrong('it must be an object');
  const { names, keys = [], buttons = [], ...others } = given as Partial<Record<string, unknown>>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(`there is no field ${unknown}; there are names, keys and buttons`);
  const isText = (text: unknown) =>
    typeof text === 'string' && text !== '' && cleanText(text, NAME_LENGTH_MAX) === text;
  const languages = typeof names === 'object' && names !== null ? Object.entries(names) : [];
  if (!languages.some(([language]) => language === 'en')) throw wrong('names must have a name for "en"');
  if (languages.length > LANGUAGES_MAX || !languages.every(([tag, text]) => /^[a-z]{2,3}$/.test(tag) && isText(text)))
    throw wrong(`names must be texts of 1 to ${NAME_LENGTH_MAX} characters by language, such as "en"`);
  const isKey = (key: unknown) => typeof key === 'string' && Object.hasOwn(KEYS, key);
  if (!Array.isArray(keys) || keys.length > KEYS_MAX || !keys.every(isKey))
    throw wrong(`keys must be at most ${KEYS_MAX} values of KeyboardEvent.code, such as "Space"`);
  const isButton = (button: unknown) => Number.isInteger(button) && Number(button) >= 0 && Number(button) < BUTTONS;
  if (!Array.isArray(buttons) || buttons.length > KEYS_MAX || !buttons.every(isButton))
    throw wrong(`buttons must be at most ${KEYS_MAX} whole numbers from 0 to ${BUTTONS - 1}`);
  return { names: Object.fromEntries(languages) as Record<string, string>, keys, buttons };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`it is not JSON: ${(error as Error).message}`);
  }
}

const invalid = (detail: string) =>
  new NearlightError('NL_MODULE_INVALID', `${ACTIONS_ASSET} cannot be used: ${detail}`);
