/** host/gpu/decode.ts: the types of all commands, and the loop that checks a stream and hands out its commands. */
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
  return `/** ${entry.about} */\nexport interface ${capitalize(entry.name)} {\n${members.join('\n')}\n}\n`;
}

function methodSource(entry: Command): string {
  const parameters =
    passingOf(entry) === 'arguments'
      ? fieldsOf(entry).flatMap(parametersOf).map(declare).join(', ')
      : `record: ${capitalize(entry.name)}`;
  return `/** ${entry.about} */\n${entry.name}(${parameters}): void;`;
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
${loopSource()}`;
}
