import type { Described, Fields, ObjectName, Value } from './describe.ts';

const TEXT_CHARS_MAX = 60;

/** What one submission amounts to. */
export interface Tally {
  readonly commands: number;
  readonly passes: number;
  readonly draws: number;
  readonly dispatches: number;
  readonly submits: number;
  /** Objects made, less those destroyed. */
  readonly objects: number;
  /** Of the command stream. */
  readonly commandBytes: number;
  /** Of its data, and of assets. */
  readonly uploadBytes: number;
}

/** Sums up the commands of a submission. */
export function tally(described: readonly Described[]): Tally {
  const count = (pattern: RegExp) => described.filter(({ name }) => pattern.test(name)).length;
  const sum = (of: (command: Described) => number) => described.reduce((total, command) => total + of(command), 0);
  return {
    commands: described.length,
    passes: count(/^begin(Render|Compute)Pass$/),
    draws: count(/^draw/),
    dispatches: count(/^dispatch/),
    submits: count(/^submit$/),
    objects: sum(({ name, fields }) => Number('id' in fields && isObject(fields.id!)) - Number(name === 'destroy')),
    commandBytes: sum(({ bytes }) => bytes),
    uploadBytes: sum(({ name, dataBytes, fields }) => (/FromAsset$/.test(name) ? Number(fields.size) : dataBytes)),
  };
}

/** One line for a tally. */
export function formatTally(it: Tally): string {
  const parts = [
    `${plural(it.commands, 'command')}`,
    it.passes > 0 && plural(it.passes, 'pass', 'passes'),
    it.draws > 0 && plural(it.draws, 'draw'),
    it.dispatches > 0 && plural(it.dispatches, 'dispatch', 'dispatches'),
    it.submits > 1 && plural(it.submits, 'submit'),
    it.objects !== 0 && `${it.objects > 0 ? '+' : ''}${it.objects} objects`,
    `${formatBytes(it.commandBytes)} of commands`,
    it.uploadBytes > 0 && `${formatBytes(it.uploadBytes)} uploaded`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** The commands as lines: index, bytes, bytes of data, name and fields; what lies in a pass or a bundle is indented. */
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

/** Above the lines of formatCommands. */
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

/** A name of an enum or of flags as it is, any other text in quotes, its first line alone where it is long. */
function formatText(text: string): string {
  if (/^[\w-]+( \| [\w-]+)*$/.test(text)) return text;
  if (text.length <= TEXT_CHARS_MAX && !text.includes('\n')) return JSON.stringify(text);
  const line = text.trim().split('\n')[0]!.slice(0, TEXT_CHARS_MAX);
  return `${JSON.stringify(line)}... (${text.length} characters)`;
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
