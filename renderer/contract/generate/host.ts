/** host/gpu/decode.ts: reads and checks the command stream. */
import { COMMANDS, type Command } from '../commands.ts';
import { type Field, fieldsOf, opcodeOf, recordFields, wordsOf } from '../field.ts';
import { RECORDS } from '../records.ts';
import { ENUMS, FLAGS } from '../values.ts';
import { NOTICE, upperCase } from './text.ts';

const isTail = (field: Field): boolean => ['string', 'list', 'words'].includes(field.type);

/** An expression that checks and converts the field's value at word `at`. */
function value(field: Field, at: string): string {
  const word = `w[${at}]`;
  switch (field.type) {
    case 'f32':
      return `finite('${field.name}', f[${at}])`;
    case 'i32':
      return `${word} | 0`;
    case 'u64':
      return `${word} + w[${at} + 1] * 4294967296`;
    case 'f64':
      return `r.double('${field.name}', ${at})`;
    case 'u32?':
      return `optional(${word})`;
    case 'bool':
      return `bool('${field.name}', ${word})`;
    case 'enum':
      return `oneOf(names.${field.of}, '${field.name}', ${word})`;
    case 'enum?':
      return `oneOfOrNone(names.${field.of}, '${field.name}', ${word})`;
    case 'flags':
      return `bits(names.${field.of}, '${field.name}', ${word})`;
    case 'id':
      return `t.${field.of}.get(${word})`;
    case 'id?':
      return `t.${field.of}.getOrNone(${word})`;
    default:
      return word;
  }
}

const hostType = (field: Field): string => {
  switch (field.type) {
    case 'bool':
      return 'boolean';
    case 'string':
      return 'string';
    case 'enum':
      return `GPU${field.of}Name`;
    case 'enum?':
      return `GPU${field.of}Name | undefined`;
    case 'id':
      return `Handles['${field.of}']`;
    case 'id?':
      return `Handles['${field.of}'] | undefined`;
    case 'u32?':
      return 'number | undefined';
    default:
      return 'number';
  }
};

/** The part of Handler that takes a command: by the interface of WebGPU that has it, which the opcode's range tells. */
const GROUPS = ['objects', 'queue', 'encoder', 'pass'] as const;
const groupOf = (entry: Command): (typeof GROUPS)[number] =>
  entry.opcode < 32 ? 'objects' : entry.opcode < 48 ? 'queue' : entry.opcode < 64 ? 'encoder' : 'pass';
/** Whether the command's fields arrive as one record, shaped like WebGPU's descriptor, rather than as arguments. */
const isDescribed = (entry: Command): boolean => entry.name.startsWith('create');
const recordName = (entry: Command): string => `${entry.name[0]!.toUpperCase()}${entry.name.slice(1)}`;

function decodeCase(entry: Command): string {
  const fields = fieldsOf(entry);
  const fixed = 1 + wordsOf(fields);
  const tails = [
    ...fields.filter((field) => field.type === 'string'),
    ...fields.filter((field) => isTail(field) && field.type !== 'string'),
  ];
  const at = new Map<string, number>();
  let word = 1;
  for (const field of fields) {
    at.set(field.name, word);
    word += wordsOf([field]);
  }
  const lines: string[] = [];
  if (tails.length === 0) lines.push(`if (length !== ${fixed}) throw badLength(length, ${fixed});`);
  else lines.push(`if (length < ${fixed}) throw badLength(length, ${fixed});`, `let tail = at + ${fixed};`);
  for (const field of tails) {
    const count = `w[at + ${at.get(field.name)}]`;
    if (field.type === 'string') {
      lines.push(`const ${field.name} = r.string(tail, ${count}, at + length, '${field.name}');`);
      lines.push(`tail += (${count} + 3) >>> 2;`);
    } else {
      const stride = field.type === 'words' ? 1 : wordsOf(recordFields(field.of));
      lines.push(`const ${field.name} = tail;`, `tail += ${count} * ${stride};`);
    }
  }
  if (tails.length > 0) lines.push('if (tail !== at + length) throw badLength(length, tail - at);');
  const target = `h.${groupOf(entry)}.${entry.name}`;
  if (isDescribed(entry)) {
    const members = fields.map((field) => {
      const place = `at + ${at.get(field.name)}`;
      if (field.type === 'string') return field.name;
      if (field.type === 'list')
        return `${field.name}: list(r, t, ${field.name}, w[${place}], ${upperCase(field.of)}_WORDS, read${field.of})`;
      return `${field.name}: ${value(field, place)}`;
    });
    return `case ${opcodeOf(entry)}: {\n${lines.join('\n')}\n${target}({ ${members.join(', ')} });\nbreak;\n}`;
  }
  const call = fields.flatMap((field) => {
    const place = `at + ${at.get(field.name)}`;
    if (field.type === 'string') return [field.name];
    if (field.type === 'list' || field.type === 'words') return [field.name, `w[${place}]`];
    if (field.type === 'bytes')
      return [`r.reference(w[${place}], w[at + ${at.get(field.name)! + 1}])`, `w[at + ${at.get(field.name)! + 1}]`];
    return [value(field, place)];
  });
  return `case ${opcodeOf(entry)}: {\n${lines.join('\n')}\n${target}(${call.join(', ')});\nbreak;\n}`;
}

/** Which words of a command hold its label and the ids of objects that exist before it. */
function mentionsOf(entry: Command): string {
  const fields = fieldsOf(entry);
  let word = 1;
  let label = 0;
  const ids: string[] = [];
  for (const field of fields) {
    if (field.type === 'string' && field === fields.find(({ type }) => type === 'string')) label = word;
    if (field.type === 'id' || field.type === 'id?') ids.push(`[${word}, '${field.name}', '${field.of}']`);
    word += wordsOf([field]);
  }
  return `{ label: ${label}, text: ${label === 0 ? 0 : word}, ids: [${ids.join(', ')}] }`;
}

export function decode(): string {
  const names = Object.entries(ENUMS).map(
    ([name, values]) => `${name}: [${values.map((entry) => `'${entry}'`).join(', ')}] as const`,
  );
  const masks = Object.entries(FLAGS).map(
    ([name, set]) => `${name}: ${Object.values(set).reduce((all: number, bit: number) => all | bit, 0)}`,
  );
  const used = JSON.stringify([RECORDS, COMMANDS.map((entry) => entry.fields)]);
  const types = Object.keys(ENUMS)
    .filter((name) => new RegExp(`enum\\?? ${name}"`).test(used))
    .map((name) => `type GPU${name}Name = (typeof names.${name})[number];`);
  const records = Object.keys(RECORDS).map((name) => {
    const fields = recordFields(name);
    const members = fields.map((field) => `${field.name}: ${hostType(field)};`).join('\n');
    let word = 0;
    const reads = fields.map((field) => {
      const text = `${field.name}: ${value(field, `at + ${word}`)}`;
      word += wordsOf([field]);
      return text;
    });
    const used = reads.join(', ');
    const views = [
      ['w', 'const w = r.words;'],
      ['f', 'const f = r.floats;'],
    ]
      .filter(([view]) => used.includes(`${view}[`))
      .map(([, text]) => text);
    const tables = used.includes('t.') ? 't' : '_t';
    return `export interface ${name} {\n${members}\n}\n\nexport const ${upperCase(name)}_WORDS = ${wordsOf(fields)};\n\nexport function read${name}(${used.includes('r.') || views.length > 0 ? 'r' : '_r'}: Reader, ${tables}: Tables, at: number): ${name} {\n${views.join('\n')}\nreturn { ${used} };\n}\n`;
  });
  const described = COMMANDS.filter(isDescribed).map((entry) => {
    const members = fieldsOf(entry).map(
      (field) => `${field.name}: ${field.type === 'list' ? `${field.of}[]` : hostType(field)};`,
    );
    return `/** ${entry.about} */\nexport interface ${recordName(entry)} {\n${members.join('\n')}\n}\n`;
  });
  const method = (entry: Command): string => {
    if (isDescribed(entry)) return `/** ${entry.about} */\n${entry.name}(record: ${recordName(entry)}): void;`;
    const parameters = fieldsOf(entry).flatMap((field) => {
      if (field.type === 'list' || field.type === 'words')
        return [`${field.name}: number`, `${field.name}Count: number`];
      if (field.type === 'bytes') return ['dataOffset: number', 'dataLength: number'];
      return [`${field.name}: ${hostType(field)}`];
    });
    return `/** ${entry.about} */\n${entry.name}(${parameters.join(', ')}): void;`;
  };
  const interfaces = GROUPS.map((group) => {
    const methods = COMMANDS.filter((entry) => groupOf(entry) === group).map(method);
    return `export interface ${group[0]!.toUpperCase()}${group.slice(1)}Commands {\n${methods.join('\n')}\n}\n`;
  });
  const opcodes = COMMANDS.map((entry) => `[${opcodeOf(entry)}, '${entry.name}']`);
  const mentions = COMMANDS.map((entry) => `[${opcodeOf(entry)}, ${mentionsOf(entry)}]`);
  return `${NOTICE}import { badLength, bits, bool, Fault, finite, oneOf, oneOfOrNone, optional, type Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';

/** Enum values in order (value n is entry n - 1) and masks of flags. */
export const names = { ${[...names, ...masks].join(',\n')} };

${types.join('\n')}

/** Names of commands by opcode, for messages. */
export const commandNames: ReadonlyMap<number, string> = new Map([${opcodes.join(', ')}]);

/** The words of a command that name objects, for messages. */
export interface Mentions {
/** Word with the byte length of the command's own label, and word at which the label begins; 0 for none. */
readonly label: number;
readonly text: number;
/** Words that hold ids of objects, with the field's name and the kind. */
readonly ids: readonly (readonly [word: number, name: string, kind: keyof Tables])[];
}

/** Mentions by opcode. */
export const mentions: ReadonlyMap<number, Mentions> = new Map([${mentions.join(', ')}]);

${records.join('\n')}
${described.join('\n')}
${interfaces.join('\n')}
/**
 * What the commands do. Those that make an object get a record; for the others a list arrives as the word at which its
 * records begin and their count, bytes as an offset in the submission's data (checked to lie inside) and a length.
 * A method throws Fault for what it refuses.
 */
export interface Handler {
readonly tables: Tables;
${GROUPS.map((group) => `readonly ${group}: ${group[0]!.toUpperCase()}${group.slice(1)}Commands;`).join('\n')}
}

type Read<T> = (r: Reader, t: Tables, at: number) => T;

function list<T>(r: Reader, t: Tables, at: number, count: number, stride: number, read: Read<T>): T[] {
return Array.from({ length: count }, (_, n) => read(r, t, at + n * stride));
}

/**
 * Checks the commands of \`r\` one by one, from \`r.at\` on - opcode, length, enums, flags, ids - and hands each to \`h\`.
 * @throws Fault at the first bad command; \`r.index\` and \`r.opcode\` name it. The ones before it have been done. What
 * \`r.look\` throws
 */
export function decode(r: Reader, h: Handler): void {
const { words: w, floats: f, length: end } = r;
const t = h.tables;
let at = r.at;
for (; at < end; r.index++) {
if (--r.countdown <= 0) {
r.at = at;
r.look();
}
const head = w[at];
const length = head >>> 16;
r.opcode = head & 0xffff;
r.at = at;
if (length === 0 || length > end - at) throw new Fault(\`its length of \${length} words does not fit the \${end - at} that are left\`);
switch (r.opcode) {
${COMMANDS.map(decodeCase).join('\n')}
default:
throw new Fault(\`there is no command with opcode \${r.opcode}\`);
}
at = r.jump === 0 ? at + length : r.jump;
r.jump = 0;
}
r.at = at;
r.ended = true;
}
`;
}
