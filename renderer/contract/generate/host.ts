/** Generates host/gpu/decode.ts: the types of all commands, and the loop that checks a stream and has it executed. */
import { COMMANDS, type Command } from '../commands.ts';
import { fieldsOf, opcodeOf, recordFields, wordsOf } from '../field.ts';
import { RECORDS } from '../records.ts';
import { ENUMS, FLAGS } from '../values.ts';
import { capitalize, EXECUTOR_NAMES, executorOf, passingOf } from './executor.ts';
import { declare, parametersOf, read, typeOf } from './fields.ts';
import { loopSource } from './loop.ts';
import { NOTICE, upperCase } from './text.ts';

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
  return `/** Fields of the command \`${entry.name}\`. */\nexport interface ${capitalize(entry.name)} {\n${members.join('\n')}\n}\n`;
}

function methodSource(entry: Command): string {
  const parameters =
    passingOf(entry) === 'arguments'
      ? fieldsOf(entry).flatMap(parametersOf).map(declare).join(', ')
      : `record: ${capitalize(entry.name)}`;
  return `/** ${entry.about} */\n${entry.name}(${parameters}): void;`;
}

/** Source that says which words of a command hold its label and the ids of the objects that it uses. */
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

/** The strings of each WebGPU enum; a command stream gives the one at index n as n + 1. */
export const ENUMS = { ${lists.join(',\n')} };

/** All valid bits of each kind of WebGPU flags, such as GPUBufferUsage. */
export const MASKS = { ${masks.join(', ')} };

${types.join('\n')}

/** Names of all commands by opcode, for error messages. */
export const COMMAND_NAMES: ReadonlyMap<number, string> = new Map([${COMMANDS.map((entry) => `[${opcodeOf(entry)}, '${entry.name}']`).join(', ')}]);

/** Where a command holds its label and the ids of the objects that it uses, in words from its head, for error messages. */
export interface Mentions {
/** Word of a command that holds the byte length of its label; 0 for none. */
readonly label: number;
/** Word of a command at which the text of its label begins; 0 for none. */
readonly text: number;
/** Words of a command that hold ids, each with the name of its field and the kind of the object. */
readonly ids: readonly (readonly [word: number, name: string, kind: keyof Tables])[];
}

/** Where each command holds its label and the ids of the objects that it uses, by opcode. */
export const MENTIONS: ReadonlyMap<number, Mentions> = new Map([${COMMANDS.map((entry) => `[${opcodeOf(entry)}, ${mentionsSource(entry)}]`).join(', ')}]);

/** How to read an element of a command's list: its size in words, and the function that reads it. */
export interface ListRecord<T> {
readonly words: number;
/** Reads and checks the element at word \`at\` of the stream. @throws Fault */
read(r: Reader, t: Tables, at: number): T;
}

${Object.keys(RECORDS).map(recordSource).join('\n')}
${COMMANDS.filter((entry) => passingOf(entry) !== 'arguments')
  .map(commandRecordSource)
  .join('\n')}
${interfaces.join('\n')}
/** The methods that execute commands, of all parts of the host's command handler. */
export type Commands = ${EXECUTOR_NAMES.map((executor) => `${capitalize(executor)}Commands`).join(' & ')};

/** One object for each command with many fields. The decoder fills it again for every such command, to make no garbage. */
export class CommandRecords {
${reused.map(({ name }) => `readonly ${name} = {} as ${capitalize(name)};`).join('\n')}
}

/**
 * Executes the commands that the decoder reads. A command that creates a GPU object comes as a new record, any other with many
 * fields as a record that is valid until the method returns, and one with few fields as arguments. As arguments, a list is
 * the word at which it begins and its count, and bytes are a checked offset in the submission's data and a length.
 * A method throws Fault for a command that it refuses.
 */
export interface Handler {
readonly tables: Tables;
readonly records: CommandRecords;
${EXECUTOR_NAMES.map((executor) => `readonly ${executor}: ${capitalize(executor)}Commands;`).join('\n')}
}
${loopSource()}`;
}
