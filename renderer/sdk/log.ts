import { LOG_DEBUG, LOG_ERROR, LOG_INFO, LOG_WARN } from '../contract/abi';
import { log } from './nearlight';

const BYTES: i32 = 4096;
const CHARACTERS_MAX = BYTES / 3;
// Static memory, so that writing to the log allocates nothing.
const line: usize = memory.data(BYTES);

/** Logs a fault that the game cannot go on with. */
export function error(message: string): void {
  write(LOG_ERROR, message);
}

/** Logs something that works, but not as it should. */
export function warn(message: string): void {
  write(LOG_WARN, message);
}

/** Logs something that the game's operator wants to know. */
export function info(message: string): void {
  write(LOG_INFO, message);
}

/** Logs something that only the game's author wants to know. */
export function debug(message: string): void {
  write(LOG_DEBUG, message);
}

/** Writes a message to the log, cut where its UTF-8 might no longer fit; a UTF-16 unit takes at most three bytes. */
function write(level: u32, message: string): void {
  const length = min(message.length, CHARACTERS_MAX);
  const bytes = String.UTF8.encodeUnsafe(changetype<usize>(message), length, line);
  log(level, line, <u32>bytes);
}
