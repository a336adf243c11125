import { type ParseArgsConfig, parseArgs } from 'node:util';
import { NearlightError } from './errors.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ allowPositionals: true; options: T }>>;

/**
 * Parses a command line. A negative number counts as the value of the option before it.
 * @param help the command that lists the options, such as "render --help", for error messages
 * @throws NearlightError NL_USAGE
 */
export function readArguments<const T extends Options>(args: string[], options: T, help: string): Parsed<T> {
  const takesText = (arg: string) => options[arg.slice(2)]?.type === 'string' && arg.startsWith('--');
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    if (before !== undefined && takesText(before) && /^-[\d.]/.test(arg)) joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  try {
    return parseArgs({ args: joined, allowPositionals: true, options });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // Keep only the first sentence of Node's message. The second one is about arguments that begin with a dash.
    const [what = message] = message.split(/\.\s/);
    const ambiguous =
      code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' && /^Option '(.*)' argument is ambiguous/.exec(what);
    const detail = ambiguous ? `${ambiguous[1]} needs a value, but another option follows` : what;
    throw new NearlightError('NL_USAGE', `${detail}; ${help} lists the options`, { cause });
  }
}
