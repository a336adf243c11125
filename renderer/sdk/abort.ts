import { error } from './log';

/** Logs why and where the module fails, then traps; asc calls it for `throw` and for failed checks. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message !== null ? message : 'abort';
  const where = file !== null ? file : '?';
  error(`${what} at ${where}:${line}:${column}`);
  unreachable();
}
