/** host/gpu/decode.ts: the types of all commands, and the loop that checks a stream and hands out its commands. */
import { COMMANDS, type Command } from '../commands.ts';
import { type Field, fieldsOf, isList, opcodeOf, recordFields, wordsOf, wordsPerElement } from '../field.ts';
import { RECORDS } from '../records.ts';
import { ENUMS, FLAGS } from '../values.ts';
import { NOTICE, upperCase } from './text.ts';

/** Parts of the handler that execute commands, each with the lowest opcode of its range. EXECUTORS has the exceptions. */
const RANGES = { objects: 1, queue: 32, encoder: 48, renderPass: 64, computePass: 80 };

/** Executors of commands whose opcode is in the range of another executor. */
const EXECUTORS: Record<string, string> = {
  createShaderModule: 'pipelines',
  createRenderPipeline: 'pipelines',
  createComputePipeline: 'pipelines',
  createRenderPipelineAsync: 'pipelines',
  createComputePipelineAsync: 'pipelines',
  getRenderBindGroupLayout: 'pipelines',
  getComputeBindGroupLayout: 'pipelines',
  getCompilationInfo: 'pipelines',
  pushErrorScope: 'scopes',
  popErrorScope: 'scopes',
  copyBufferToBuffer: 'copies',
  copyBufferToTexture: 'copies',
  copyTextureToBuffer: 'copies',
  copyTextureToTexture: 'copies',
  clearBuffer: 'copies',
  resolveQuerySet: 'copies',
  setBindGroup: 'bindings',
};

/** A command with more fields than this arrives as a record. */
const ARGUMENTS_MAX = 6;

/** Commands that take as long as hundreds of others. The decoder looks at the time after each of them. */
const SLOW = ['createShaderModule'];

const capitalize = (text: string): string => text.replace(/^./, (letter) => letter.toUpperCase());

function executorOf({ name, opcode }: Command): string {
  const range = Object.entries(RANGES).findLast(([, lowest]) => opcode >= lowest);
  const executor = EXECUTORS[name] ?? range?.[0];
  if (executor === undefined) throw new Error(`${name} has no executor`);
  return executor;
}

const EXECUTOR_NAMES = [...new Set(COMMANDS.map(executorOf))];

/** How the fields of a command reach its executor. */
type Passing = 'new record' | 'reused record' | 'arguments';

/** A command that creates an object gets its own record, because it may keep it. */
function passingOf({ name, fields }: Command): Passing {
  if (name.startsWith('create')) return 'new record';
  return fields.length > ARGUMENTS_MAX ? 'reused record' : 'arguments';
}

/** An expression for word `at`. V8 inlines only so much into one function, and calls of a function here would cost 15 %. */
const u32 = (at: string): string => `(w[${at}] ?? 0)`;

/** An expression that reads a field at word `at`, and checks it. */
function read({ name, type, of }: Field, at: string): string {
  const word = u32(at);
  switch (type) {
    case 'f32':
      return `finite('${name}', f[${at}] ?? 0)`;
    case 'i32':
      return `${word} | 0`;
    case 'u64':
      return `${word} + ${u32(`${at} + 1`)} * 4294967296`;
    case 'f64':
      return `r.double('${name}', ${at})`;
    case 'u32?':
      return `optional(${word})`;
    case 'bool':
      return `bool('${name}', ${word})`;
    case 'enum':
      return `oneOf(ENUMS.${of}, '${name}', ${word})`;
    case 'enum?':
      return `oneOfOrNone(ENUMS.${of}, '${name}', ${word})`;
    case 'flags':
      return `bits(MASKS.${of}, '${name}', ${word})`;
    case 'id':
      return `t.${of}.get(${word})`;
    case 'id?':
      return `t.${of}.getOrNone(${word})`;
    default:
      return word;
  }
}

function typeOf({ type, of }: Field): string {
  switch (type) {
    case 'bool':
      return 'boolean';
    case 'string':
      return 'string';
    case 'enum':
      return `GPU${of}Name`;
    case 'enum?':
      return `GPU${of}Name | undefined`;
    case 'id':
      return `Handles['${of}']`;
    case 'id?':
      return `Handles['${of}'] | undefined`;
    case 'u32?':
      return 'number | undefined';
    default:
      return 'number';
  }
}

/** Names and types of the parameters for a field, unless it is a list that comes as an array. */
function parametersOf(field: Field): [name: string, type: string][] {
  const { name, type } = field;
  if (isList(field))
    return [
      [name, 'number'],
      [`${name}Count`, 'number'],
    ];
  if (type === 'bytes')
    return [
      ['dataOffset', 'number'],
      ['dataLength', 'number'],
    ];
  return [[name, typeOf(field)]];
}

const member = (name: string, value: string): string => (name === value ? name : `${name}: ${value}`);
const declare = ([name, type]: [string, string]): string => `${name}: ${type}`;

function recordSource(name: string): string {
  const fields = recordFields(name);
  const members = fields.map((field) => `${field.name}: ${typeOf(field)};`);
  let word = 0;
  const reads = fields.map((field) => {
    const text = `${field.name}: ${read(field, `at + ${word}`)}`;
    word += wordsOf([field]);
    return text;
  });
  const body = reads.join(', ');
  const views = [...(body.includes('w[') ? ['words: w'] : []), ...(body.includes('f[') ? ['floats: f'] : [])];
  const reader = body.includes('r.') || views.length > 0 ? 'r' : '_r';
  const tables = body.includes('t.') ? 't' : '_t';
  return `export interface ${name} {
${members.join('\n')}
}

function read${name}(${reader}: Reader, ${tables}: Tables, at: number): ${name} {
${views.length > 0 ? `const { ${views.join(', ')} } = r;` : ''}
return { ${body} };
}

export const ${upperCase(name)}: ListRecord<${name}> = { words: ${word}, read: read${name} };
`;
}

function commandRecordSource(entry: Command): string {
  const passing = passingOf(entry);
  const members = fieldsOf(entry).flatMap((field) =>
    passing === 'new record' && field.type === 'list'
      ? [`${field.name}: ${field.of}[];`]
      : parametersOf(field).map((parameter) => `${declare(parameter)};`),
  );
  return `/** ${entry.about} */\nexport interface ${capitalize(entry.name)} {\n${members.join('\n')}\n}\n`;
}

function methodSource(entry: Command): string {
  const parameters =
    passingOf(entry) === 'arguments'
      ? fieldsOf(entry).flatMap(parametersOf).map(declare).join(', ')
      : `record: ${capitalize(entry.name)}`;
  return `/** ${entry.about} */\n${entry.name}(${parameters}): void;`;
}

/** Expressions for the parameters of a field whose first word is at `place`. */
function valuesOf(field: Field, place: string): string[] {
  const { name, type } = field;
  if (type === 'string') return [name];
  if (isList(field)) return [name, u32(place)];
  if (type === 'bytes') {
    const length = u32(`${place} + 1`);
    return [`r.reference(${u32(place)}, ${length})`, length];
  }
  return [read(field, place)];
}

/** The statements that check a command's length and find its strings and lists. */
function tailSource(places: ReadonlyMap<Field, string>): string[] {
  const fields = [...places.keys()];
  const fixed = 1 + wordsOf(fields);
  const strings = fields.filter(({ type }) => type === 'string');
  const lists = fields.filter(isList);
  if (strings.length + lists.length === 0) return [`if (length !== ${fixed}) throw badLength(length, ${fixed});`];
  const lines = [`if (length < ${fixed}) throw badLength(length, ${fixed});`, `let tail = at + ${fixed};`];
  for (const field of [...strings, ...lists]) {
    const { name } = field;
    const count = u32(places.get(field) ?? '');
    if (isList(field)) lines.push(`const ${name} = tail;`, `tail += ${count} * ${wordsPerElement(field)};`);
    else
      lines.push(`const ${name} = r.string(tail, ${count}, at + length, '${name}');`, `tail += (${count} + 3) >>> 2;`);
  }
  return [...lines, 'if (tail !== at + length) throw badLength(length, tail - at);'];
}

function caseSource(entry: Command): string {
  const { name } = entry;
  const places = new Map<Field, string>();
  let word = 1;
  for (const field of fieldsOf(entry)) {
    places.set(field, `at + ${word}`);
    word += wordsOf([field]);
  }
  const valued = [...places].map(([field, place]) => ({ field, place, values: valuesOf(field, place) }));
  const target = `h.${executorOf(entry)}.${name}`;
  const lines = tailSource(places);
  switch (passingOf(entry)) {
    case 'new record': {
      const members = valued.map(({ field, place, values }) =>
        field.type === 'list'
          ? `${field.name}: list(${upperCase(field.of)}, r, t, ${field.name}, ${u32(place)})`
          : member(field.name, values.join()),
      );
      lines.push(`${target}({ ${members.join(', ')} });`);
      break;
    }
    case 'reused record':
      lines.push(`const record = h.records.${name};`);
      for (const { field, values } of valued)
        parametersOf(field).forEach(([member], index) => {
          lines.push(`record.${member} = ${values[index]};`);
        });
      lines.push(`${target}(record);`);
      break;
    default:
      lines.push(`${target}(${valued.flatMap(({ values }) => values).join(', ')});`);
  }
  if (SLOW.includes(name)) lines.push('left = 0;');
  return `case ${opcodeOf(entry)}: {\n${lines.join('\n')}\nbreak;\n}`;
}

/** Which words of a command hold its label and the ids of objects that exist before it. */
function mentionsSource(entry: Command): string {
  const fields = fieldsOf(entry);
  const firstString = fields.find(({ type }) => type === 'string');
  let word = 1;
  let label = 0;
  const ids: string[] = [];
  for (const field of fields) {
    if (field === firstString) label = word;
    if (field.type === 'id' || field.type === 'id?') ids.push(`[${word}, '${field.name}', '${field.of}']`);
    word += wordsOf([field]);
  }
  return `{ label: ${label}, text: ${label === 0 ? 0 : word}, ids: [${ids.join(', ')}] }`;
}

const LOOP = `
/** Reads \`count\` records that begin at word \`at\`. */
function list<T>({ words, read }: ListRecord<T>, r: Reader, t: Tables, at: number, count: number): T[] {
return Array.from({ length: count }, (_, n) => read(r, t, at + n * words));
}

/** Is called between two commands now and then. The decoder stops there if it returns something to wait for. */
export type Look = () => Promise<void> | undefined;

/**
 * Checks the commands from \`r.at\` on (opcode, length, enums, flags, ids) and has \`h\` execute each of them. Calls \`look\` before
 * every \`lookEvery\`-th command. Returns what to wait for if \`look\` returns that, and undefined at the end of the stream.
 * @throws Fault at the first bad command, and whatever executing a command or \`look\` throws. \`r\` then stands at that command;
 * the ones before it have been executed
 */
export function decode(r: Reader, h: Handler, look: Look, lookEvery: number): Promise<void> | undefined {
const { words: w, floats: f, length: end } = r;
const t = h.tables;
let at = r.at;
for (let left = lookEvery - 1; at < end; r.index++) {
if (left-- === 0) {
r.at = at;
const wait = look();
if (wait) return wait;
left = lookEvery - 1;
}
// The checks of lengths keep every index below within the stream, so the zeros after \`??\` are never used.
const head = w[at] ?? 0;
const length = head >>> 16;
r.at = at;
if (length === 0 || length > end - at) throw new Fault(\`its length of \${length} words does not fit the \${end - at} that are left\`);
// An executor moves \`r.end\` on when it has executed the commands after this one, too.
r.end = at + length;
switch (head & 0xffff) {
CASES
default:
throw new Fault(\`there is no command with opcode \${head & 0xffff}\`);
}
at = r.end;
}
r.at = at;
return undefined;
}
`;

export function decode(): string {
  const lists = Object.entries(ENUMS).map(
    ([name, values]) => `${name}: [${values.map((value) => `'${value}'`).join(', ')}] as const`,
  );
  const masks = Object.entries(FLAGS).map(
    ([name, set]) => `${name}: ${Object.values(set).reduce((all: number, bit: number) => all | bit, 0)}`,
  );
  const fields = [...COMMANDS.flatMap(fieldsOf), ...Object.keys(RECORDS).flatMap(recordFields)];
  const used = new Set(fields.filter(({ type }) => /^enum/.test(type)).map(({ of }) => of));
  const types = Object.keys(ENUMS)
    .filter((name) => used.has(name))
    .map((name) => `type GPU${name}Name = (typeof ENUMS.${name})[number];`);
  const reused = COMMANDS.filter((entry) => passingOf(entry) === 'reused record');
  const interfaces = EXECUTOR_NAMES.map((executor) => {
    const methods = COMMANDS.filter((entry) => executorOf(entry) === executor).map(methodSource);
    return `export interface ${capitalize(executor)}Commands {\n${methods.join('\n')}\n}\n`;
  });
  return `${NOTICE}import { badLength, bits, bool, Fault, finite, oneOf, oneOfOrNone, optional, type Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';

/** The values of each enum; a stream gives value n as n + 1. */
export const ENUMS = { ${lists.join(',\n')} };

/** All bits of each set of flags. */
export const MASKS = { ${masks.join(', ')} };

${types.join('\n')}

/** Names of commands by opcode, for messages. */
export const COMMAND_NAMES: ReadonlyMap<number, string> = new Map([${COMMANDS.map((entry) => `[${opcodeOf(entry)}, '${entry.name}']`).join(', ')}]);

/** The words of a command that name objects, for messages. */
export interface Mentions {
/** Word with the byte length of the command's own label; 0 for none. */
readonly label: number;
/** Word at which the label begins; 0 for none. */
readonly text: number;
/** Words that hold ids of objects, with the name of the field and the kind of the object. */
readonly ids: readonly (readonly [word: number, name: string, kind: keyof Tables])[];
}

/** Mentions by opcode. */
export const MENTIONS: ReadonlyMap<number, Mentions> = new Map([${COMMANDS.map((entry) => `[${opcodeOf(entry)}, ${mentionsSource(entry)}]`).join(', ')}]);

/** A record of fixed size in a list. */
export interface ListRecord<T> {
readonly words: number;
/** Reads and checks the record at word \`at\`. @throws Fault */
read(r: Reader, t: Tables, at: number): T;
}

${Object.keys(RECORDS).map(recordSource).join('\n')}
${COMMANDS.filter((entry) => passingOf(entry) !== 'arguments')
  .map(commandRecordSource)
  .join('\n')}
${interfaces.join('\n')}
/** The methods of all executors. */
export type Commands = ${EXECUTOR_NAMES.map((executor) => `${capitalize(executor)}Commands`).join(' & ')};

/** The records of commands with many fields. The decoder fills the same ones again and again, so that it makes no garbage. */
export class CommandRecords {
${reused.map(({ name }) => `readonly ${name} = {} as ${capitalize(name)};`).join('\n')}
}

/**
 * Executes commands. A command that creates an object comes as a record of its own. Any other command with many fields
 * comes as a record that is valid until the method returns, and the rest come as arguments. There a list is the word at which
 * it begins and its count, and bytes are an offset in the submission's data, which is checked, and a length.
 * A method throws Fault for what it refuses.
 */
export interface Handler {
readonly tables: Tables;
readonly records: CommandRecords;
${EXECUTOR_NAMES.map((executor) => `readonly ${executor}: ${capitalize(executor)}Commands;`).join('\n')}
}
${LOOP.replace('CASES', () => COMMANDS.map(caseSource).join('\n'))}`;
}
