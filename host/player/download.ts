/** A browser has this time to read a file that it saves. */
const SAVE_MS = 60_000;

/**
 * Returns a name for a file: the game and the local time, such as `arena 2026-03-01 18.05.09.png`. File systems and browsers accept
 * all of its characters.
 */
export function fileNameFor(game: string, at: Date, ending: string): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join('.');
  const name = game.replace(/[^\p{Letter}\p{Number} _-]/gu, '').trim() || 'game';
  return `${name.slice(0, 60)} ${day} ${time}.${ending}`;
}

/** Saves a file in the player's folder for downloads. */
export function download(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), SAVE_MS);
}
