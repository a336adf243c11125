/**
 * Counts everything that this process could not write, because a disk is full, the reader of a pipe is gone, or a reader is too
 * slow: lines of the log, parts of recordings, entries of the compile cache, and decisions of policies. The process goes on without
 * them.
 */
export const losses = { log: 0, recording: 0, cache: 0, decisions: 0 };
