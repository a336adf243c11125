/**
 * Reads the environment variables that change what a benchmark measures. With a value that a benchmark does not know, it would
 * measure nothing, or something else than the person wants. So it ends with one line that says what may be given.
 */

/** Returns a number from an environment variable, or the usual value if it is not set. */
export function numberFrom(variable: string, usual: number, least = 0): number {
  return orRefuse(() => readNumber(variable, process.env[variable], { usual, least }));
}

/** Returns those of the known names, separated by commas, that an environment variable lists, or all if it is not set. */
export function namesFrom<Name extends string>(variable: string, known: readonly Name[]): readonly Name[] {
  return orRefuse(() => readNames(variable, process.env[variable], known));
}

/** Returns whether a feature is on, which an environment variable can turn off. */
export function isOn(variable: string): boolean {
  const [value] = orRefuse(() => readNames(variable, process.env[variable], ['on', 'off']));
  return value !== 'off';
}

/** @throws RangeError if the text is not a number, or is below the least one */
export function readNumber(
  variable: string,
  text: string | undefined,
  { usual, least }: { usual: number; least: number },
): number {
  if (!text) return usual;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
  throw new RangeError(`${variable}=${text}: give a number from ${least} (usually ${usual})`);
}

/** @throws RangeError if the text has a name that is not known */
export function readNames<Name extends string>(
  variable: string,
  text: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (!text) return known;
  const asked = text.split(',').map((name) => name.trim());
  const unknown = asked.filter((name) => !known.includes(name as Name));
  if (unknown.length === 0) return known.filter((name) => asked.includes(name));
  const names = unknown.map((name) => `"${name}"`).join(', ');
  throw new RangeError(
    `${variable}: there is no ${names}; give some of these, separated by commas: ${known.join(', ')}`,
  );
}

/** Ends the process with the message of an error. */
function orRefuse<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    process.exit(2);
  }
}
