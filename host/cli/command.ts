/** A command of the program. Each file of this folder whose name is that of a command exports one. */
export interface Command {
  /**
   * Runs the command and returns the exit status.
   * @throws NearlightError NL_USAGE for a bad command line, and the errors of what the command does
   */
  run(args: string[], environment: NodeJS.ProcessEnv): Promise<number>;
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP. A second signal of any of them ends the process at once. */
export function untilSignal(): Promise<void> {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  return new Promise((resolve) => {
    const end = () => {
      for (const name of names) process.off(name, end);
      resolve();
    };
    for (const name of names) process.on(name, end);
  });
}
