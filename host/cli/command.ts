/** A command of the program `nearlight`. The file in host/cli that has the name of a command exports its `run`. */
export interface Command {
  /**
   * Runs the command and returns the exit status.
   * @throws NearlightError NL_USAGE for a bad command line, and the errors of what the command does
   */
  run(args: string[], environment: NodeJS.ProcessEnv): Promise<number>;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type Signal = (typeof SIGNALS)[number];

/** Resolves with the first SIGINT, SIGTERM or SIGHUP. A second signal of any of them ends the process at once. */
export function untilSignal(): Promise<Signal> {
  const names = SIGNALS;
  return new Promise((resolve) => {
    const end = (signal: Signal) => {
      for (const name of names) process.off(name, end);
      resolve(signal);
    };
    for (const name of names) process.on(name, end);
  });
}
