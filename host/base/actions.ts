/** An action that a player can take in a game, as the game's author describes it (README.md, "Make a game"). */
export interface GameAction {
  /** Name of the action by language: the first part of a tag (RFC 5646), such as `en`. There is always an English one. */
  readonly names: Readonly<Record<string, string>>;
  /** The keys that do it, as KeyboardEvent.code. The first one is the usual one. */
  readonly keys: readonly string[];
  /** The buttons that do it: 0 left, 1 middle, 2 right of the mouse, 16 and up those of a gamepad. */
  readonly buttons: readonly number[];
}

/** Returns the name of an action in a language, or else in English. */
export function nameOfAction({ names }: GameAction, language: string): string {
  return names[language] ?? names.en ?? '';
}
