/**
 * Counts everything that this process could not write, because a disk is full, the reader of a pipe is gone, or a reader is too
 * slow: lines of the log, parts of recordings, and entries of the compile cache. The process goes on without them.
 */
export const losses = { log: 0, recording: 0, cache: 0 };

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
