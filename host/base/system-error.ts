import { NearlightError } from './errors.ts';

/** An error of the operating system, as Node reports it. */
type SystemError = Error & { code?: string };

/** Says what to do about an error of the file system or of a pipe. */
export function adviceFor(code: string | undefined): string {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'the disk is full; free space on it';
  if (code === 'EFBIG') return 'the file has the largest size that this process may write (ulimit -f)';
  if (code === 'EMFILE') return 'this process has too many open files; raise `ulimit -n`';
  if (code === 'ENFILE') return 'this machine has too many open files; raise fs.file-max';
  if (code === 'ENOMEM') return 'there is no memory left; give this process more';
  if (code === 'EPIPE') return 'its reader is gone';
  return 'see the error code';
}

/** Gives an error that the lack of files or memory caused its code: NL_HOST_FILES or NL_HOST_MEMORY. Returns others as they are. */
export function asResourceError(error: unknown): unknown {
  if (error instanceof NearlightError || !(error instanceof Error)) return error;
  const { code } = error as SystemError;
  const { message } = error;
  if (code === 'EMFILE' || code === 'ENFILE' || /too many open files/i.test(message))
    return new NearlightError('NL_HOST_FILES', `${message}: ${adviceFor(code ?? 'EMFILE')}`, { cause: error });
  if (code === 'ENOMEM' || /cannot allocate memory|allocation failed/i.test(message))
    return new NearlightError('NL_HOST_MEMORY', `${message}: ${adviceFor('ENOMEM')}`, { cause: error });
  return error;
}
