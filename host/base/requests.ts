/** Requests of a game to a player's page, apart from showing pictures and playing sound (renderer/contract/ABI.md, "Players"). */

/** An effect of a gamepad's two motors. */
export interface RumbleEffect {
  /** Number of the gamepad, counted from 0. */
  readonly pad: number;
  /** Strengths of the motor for low and of the one for high frequencies, 0 to 1. */
  readonly strong: number;
  readonly weak: number;
  readonly milliseconds: number;
}

/** A request for a text that the player enters. */
export interface TextRequest {
  /** The module's own number of the request. */
  readonly token: number;
  /** Address in linear memory at which the module expects the text. */
  readonly address: number;
  /** Most UTF-16 units of the text. */
  readonly lengthMax: number;
  /** Says what to enter. */
  readonly prompt: string;
  /** Text that the player can change. */
  readonly initial: string;
}

/**
 * Control characters; characters that break lines; and those that turn the direction of the text around them, with which a
 * name could look like another one.
 */
const UNWANTED = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Removes from a text what a game does not expect there, and cuts it to `lengthMax` UTF-16 units, between two characters. */
export function cleanText(text: string, lengthMax: number): string {
  const clean = text.replace(UNWANTED, '');
  if (clean.length <= lengthMax) return clean;
  const isHalf = /[\ud800-\udbff]/.test(clean.charAt(lengthMax - 1));
  return clean.slice(0, isHalf ? lengthMax - 1 : lengthMax);
}
