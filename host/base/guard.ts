import { errors, exitStatus, NearlightError } from './errors.ts';
import { losses } from './losses.ts';

let guarded = false;

/**
 * Sets how this process deals with faults that no other part of the program handles; idempotent.
 *
 * It goes on when standard output or error cannot be written, because its reader is gone or its disk is full. It ends on an
 * exception that was not caught and on a rejection that was not handled: its state is unknown then, so it closes nothing and
 * writes one message with the code of the error, or with NL_INTERNAL.
 */
export function guardProcess(): void {
  if (guarded) return;
  guarded = true;
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', () => {
      losses.log++;
    });
  // Node passes an unhandled rejection to this event too.
  process.on('uncaughtException', (error: unknown) => {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(error instanceof NearlightError ? exitStatus(error) : errors.NL_INTERNAL.exit);
  });
}

function describe(error: unknown): string {
  if (error instanceof NearlightError) return error.message;
  return `NL_INTERNAL: ${errors.NL_INTERNAL.text}: ${error instanceof Error ? error.stack : String(error)}`;
}
