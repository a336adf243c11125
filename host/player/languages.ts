import { ENGLISH, type Labels } from './labels.ts';

/** The page's languages by the first part of their tag (RFC 5646), with their own names. */
export const LANGUAGES = { en: 'English', zh: '中文' } as const;
export type Language = keyof typeof LANGUAGES;

/** Returns the first language of a list that the page speaks, and English if there is none. */
export function chooseLanguage(tags: readonly string[]): Language {
  for (const tag of tags) {
    const [first = ''] = tag.toLowerCase().split('-');
    if (Object.hasOwn(LANGUAGES, first)) return first as Language;
  }
  return 'en';
}

/** Loads the texts of a language. Only players who speak it load them. Returns English if that fails. */
export async function loadLabels(language: Language): Promise<Labels> {
  if (language === 'en') return ENGLISH;
  return import('./labels-zh.ts').then(
    ({ CHINESE }) => CHINESE,
    () => ENGLISH,
  );
}
