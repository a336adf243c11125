import { LOG_ERROR } from '../contract/abi';
import { log } from './nearlight';

const TEXT_MAX: u32 = 480;
const line: usize = memory.data(4096);

/**
 * Logs why and where the game's module fails, then traps. The compiler calls it for `throw`, for failed checks, and when
 * its stack of references is full. In the last case code that holds a reference would call it again, so strings are
 * addresses here.
 */
export function abort(message: usize, file: usize, row: u32, column: u32): void {
  let end = line;
  if (message !== 0 && load<u32>(message - 4) === 0) {
    end = text(end, changetype<usize>('the stack is full, most likely by endless recursion'));
  } else {
    end = text(end, message !== 0 ? message : changetype<usize>('abort'));
    end = text(end, changetype<usize>(' at '));
    end = text(end, file !== 0 ? file : changetype<usize>('?'));
    end = number(end, row);
    end = number(end, column);
  }
  log(LOG_ERROR, line, <u32>(end - line));
  unreachable();
}

/**
 * Writes a string at an address as UTF-8 and returns the address after it. AssemblyScript keeps a string's byte length
 * right before the string; a UTF-16 unit takes at most three bytes.
 */
function text(at: usize, string: usize): usize {
  const length = min<u32>(load<u32>(string - 4) >> 1, TEXT_MAX);
  return at + String.UTF8.encodeUnsafe(string, <i32>length, at);
}

/** Writes a colon and a number in decimal at an address, and returns the address after them. */
function number(at: usize, value: u32): usize {
  store<u8>(at, 0x3a);
  let digits: usize = 1;
  for (let rest = value; rest >= 10; rest /= 10) digits++;
  let rest = value;
  for (let place = at + digits; place > at; place--, rest /= 10) store<u8>(place, <u8>(0x30 + (rest % 10)));
  return at + 1 + digits;
}
