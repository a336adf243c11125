import type { Described, Fields, ObjectName, Value } from './describe.ts';

/** Texts of more characters than this are shortened in the listing of commands. */
const TEXT_CHARS_MAX = 60;

/** Totals of the commands that a module submitted in one call. */
export interface Tally {
  readonly commands: number;
  readonly passes: number;
  readonly draws: number;
  readonly dispatches: number;
  readonly submits: number;
  /** Number of GPU objects that were created, minus those that were destroyed. */
  readonly objects: number;
  /** Length of the command stream in bytes. */
  readonly commandBytes: number;
  /** Bytes copied to the GPU from bulk data and from assets. */
  readonly uploadBytes: number;
}

/** Computes the totals of the commands of a submission. */
export function tally(described: readonly Described[]): Tally {
  const count = (pattern: RegExp) => described.filter(({ name }) => pattern.test(name)).length;
  const sum = (of: (command: Described) => number) => described.reduce((total, command) => total + of(command), 0);
  return {
    commands: described.length,
    passes: count(/^begin(Render|Compute)Pass$/),
    draws: count(/^draw/),
    dispatches: count(/^dispatch/),
    submits: count(/^submit$/),
    objects: sum(
      ({ name, fields }) => Number(fields.id !== undefined && isObject(fields.id)) - Number(name === 'destroy'),
    ),
    commandBytes: sum(({ bytes }) => bytes),
    uploadBytes: sum(({ name, dataBytes, fields }) => (/FromAsset$/.test(name) ? Number(fields.size) : dataBytes)),
  };
}

/** Formats the totals of a submission as one line of text. */
export function formatTally(total: Tally): string {
  const parts = [
    `${plural(total.commands, 'command')}`,
    total.passes > 0 && plural(total.passes, 'pass', 'passes'),
    total.draws > 0 && plural(total.draws, 'draw'),
    total.dispatches > 0 && plural(total.dispatches, 'dispatch', 'dispatches'),
    total.submits > 1 && plural(total.submits, 'submit'),
    total.objects !== 0 && `${total.objects > 0 ? '+' : ''}${total.objects} objects`,
    `${formatBytes(total.commandBytes)} of commands`,
    total.uploadBytes > 0 && `${formatBytes(total.uploadBytes)} uploaded`,
  ];
  return parts.filter(Boolean).join(', ');
}

/**
 * Formats commands, one per line: index, length, length of bulk data, name and fields. Commands within a pass, a render
 * bundle or a debug group are indented.
 */
export function formatCommands(described: readonly Described[]): string[] {
  let depth = 0;
  return described.map((command) => {
    const { index, name, bytes, dataBytes, fields } = command;
    if (/^end(Render|Compute)Pass$|^finishRenderBundle$|^popDebugGroup$/.test(name)) depth = Math.max(0, depth - 1);
    const place = `${String(index).padStart(5)} ${`${bytes}`.padStart(6)} ${dataBytes > 0 ? `${dataBytes}`.padStart(8) : ' '.repeat(8)}  `;
    const line = `${place}${'  '.repeat(depth)}${name} ${formatFields(fields)}`.trimEnd();
    if (/^begin(Render|Compute)Pass$|^createRenderBundleEncoder$|^pushDebugGroup$/.test(name)) depth++;
    return line;
  });
}

/** Column titles for the lines of formatCommands(). */
export const COMMANDS_TITLE = `${'#'.padStart(5)} ${'bytes'.padStart(6)} ${'data'.padStart(8)}  command`;

export function formatBytes(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 10_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function formatFields(fields: Fields): string {
  const given = Object.entries(fields).filter(
    ([name, value]) => value !== null && value !== '' && !(name === 'label' && 'id' in fields),
  );
  return given.map(([name, value]) => `${name}: ${format(value)}`).join(', ');
}

function format(value: Value): string {
  if (typeof value === 'string') return formatText(value);
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(format).join(', ')}]`;
  if (isObject(value)) return formatObject(value);
  if ('dataBytes' in value) return `${value.dataBytes} bytes at ${value.dataOffset}`;
  return `{ ${formatFields(value)} }`;
}

/** Formats names of enums and flags unchanged, and other texts in quotes. Shows only the first line of long texts. */
function formatText(text: string): string {
  if (/^[\w-]+( \| [\w-]+)*$/.test(text)) return text;
  if (text.length <= TEXT_CHARS_MAX && !text.includes('\n')) return JSON.stringify(text);
  const [line = ''] = text.trim().split('\n');
  return `${JSON.stringify(line.slice(0, TEXT_CHARS_MAX))}... (${text.length} characters)`;
}

function formatObject({ object, index, generation, label }: ObjectName): string {
  const id = generation === 0 ? `${index}` : `${index}.${generation}`;
  return label === '' ? `${object} ${id}` : `${object} ${id} ${JSON.stringify(label)}`;
}

function isObject(value: Value): value is ObjectName {
  return typeof value === 'object' && value !== null && 'object' in value && 'generation' in value;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
