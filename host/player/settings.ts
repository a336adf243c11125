import { LANGUAGES, type Language } from './languages.ts';
import type { ViewQuery } from './link.ts';

/** The values of each setting, the default first. An empty string leaves the choice to the server or the browser. */
export const CHOICES = {
  /** Size of the picture. */
  size: ['', '640x360', '848x480', '1280x720', '1920x1080'],
  /** Pictures per second. */
  fps: ['', '30', '60', '120'],
  /** Most bits per second of the picture. */
  bitrate: ['', '2000000', '5000000', '10000000', '20000000'],
  /** How a picture is enlarged to the screen. */
  scaling: ['smooth', 'sharp'],
  language: ['', ...(Object.keys(LANGUAGES) as Language[])],
} as const;

/** The settings that the server has to know. */
export const PICTURE_SETTINGS = ['size', 'fps', 'bitrate'] as const;
export type PictureSetting = (typeof PICTURE_SETTINGS)[number];

export type SettingName = keyof typeof CHOICES;

export type SettingValues = { [Name in SettingName]: (typeof CHOICES)[Name][number] } & {
  /** `KeyboardEvent.code` of the key that takes a screenshot. */
  screenshotKey: string;
};

export type SettingsStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const KEY = 'nearlight.settings';
const CODE = /^\w{1,24}$/;

/** Few games use this key, and browsers leave it to the page. */
export const SCREENSHOT_KEY = 'F9';

const DEFAULTS: Readonly<SettingValues> = {
  size: '',
  fps: '',
  bitrate: '',
  scaling: 'smooth',
  language: '',
  screenshotKey: SCREENSHOT_KEY,
};

/** The player's settings, kept for the next visit where the browser allows that. */
export class Settings {
  readonly #storage: SettingsStorage | undefined;
  #values: SettingValues;

  /** @param storage undefined if the browser keeps nothing for this page */
  constructor(storage: SettingsStorage | undefined) {
    this.#storage = storage;
    this.#values = parseSettings(attempt(() => storage?.getItem(KEY)));
  }

  get values(): Readonly<SettingValues> {
    return this.#values;
  }

  /** Changes some settings. Values that do not exist are ignored. */
  set(values: Partial<Record<keyof SettingValues, string>>): void {
    this.#values = validate({ ...this.#values, ...values }, this.#values);
    attempt(() => this.#storage?.setItem(KEY, JSON.stringify(this.#values)));
  }

  /** Returns to the defaults. */
  reset(): void {
    this.#values = { ...DEFAULTS };
    attempt(() => this.#storage?.removeItem(KEY));
  }
}

/** Reads stored settings. Those that are missing or damaged get their defaults. */
export function parseSettings(text: string | null | undefined): SettingValues {
  const stored: unknown = attempt(() => JSON.parse(text ?? '{}'));
  return validate(typeof stored === 'object' && stored !== null ? { ...stored } : {}, DEFAULTS);
}

/** Returns `values`, with those of `others` in place of the ones that do not exist. */
function validate(values: Readonly<Record<string, unknown>>, others: Readonly<SettingValues>): SettingValues {
  const valid: Record<string, string> = { ...others };
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = values[name];
    if (typeof value === 'string' && (choices as readonly string[]).includes(value)) valid[name] = value;
  }
  const { screenshotKey } = values;
  if (typeof screenshotKey === 'string' && CODE.test(screenshotKey)) valid.screenshotKey = screenshotKey;
  return valid as SettingValues;
}

/**
 * Returns the picture and the game to ask the server for. The values in the page's URL are passed on unchecked and win over the
 * settings. If neither names a size, a phone asks for a smaller picture than the server's default.
 */
export function viewQuery(values: Readonly<SettingValues>, asked: ViewQuery, isPhone: boolean): ViewQuery {
  const choose = (name: PictureSetting) => asked[name] ?? (values[name] || undefined);
  return {
    size: asked.size ?? (values.size || (isPhone ? '848x480' : undefined)),
    fps: choose('fps'),
    bitrate: choose('bitrate'),
    game: asked.game,
  };
}

/** Tells whether the player has chosen something about the picture that the page's URL does not decide. */
export function hasChosenPicture(values: Readonly<SettingValues>, asked: ViewQuery): boolean {
  return PICTURE_SETTINGS.some((name) => values[name] !== '' && asked[name] === undefined);
}

/** Uses the storage, which browsers may forbid. The settings then last as long as the page. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
