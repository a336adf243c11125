/**
 * Writes what follows from contract.ts: `node renderer/contract/generate.ts`, or `--check` to only compare (exit 1 when stale).
 * A build tool, and the one file of this folder that runs in Node.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, commands, constants, enums, flags, type Kind, keys, structs } from './contract.ts';
import { MODULE_EXPORTS, MODULE_IMPORTS, type ModuleFunction } from './functions.ts';

interface Field {
  name: string;
  type: string;
  /** What the type refers to: an enum, a flag set, a kind, a struct. */
  of: string;
}

const root = new URL('../..', import.meta.url);
const notice = '// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.\n';

const parse = (text: string): Field => {
  const [name, type] = text.split(': ') as [string, string];
  const [kind, of = ''] = type.split(' ') as [string, string?];
  return { name, type: kind, of };
};
const fieldsOf = (command: Command): Field[] => command.fields.map(parse);
const structFields = (name: string): Field[] => (structs[name] ?? fail(`no struct ${name}`)).map(parse);
const wordsOf = (field: Field): number => (['u64', 'f64', 'bytes'].includes(field.type) ? 2 : 1);
const sum = (fields: Field[]): number => fields.reduce((total, field) => total + wordsOf(field), 0);
const constant = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
const camel = (text: string): string => text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const isTail = (field: Field): boolean => ['string', 'list', 'words'].includes(field.type);
const opcodeOf = (command: Command): number =>
  command.opcode | (command.fields.some((field) => parse(field).type === 'bytes') ? 0x8000 : 0);

function fail(message: string): never {
  throw new Error(message);
}

function abi(): string {
  const lines = Object.entries(constants).map(
    ([name, [value, about]]) => `/** ${about} */\nexport const ${name} = ${value};`,
  );
  const opcodes = commands.map((entry) => `export const OP_${constant(entry.name)} = ${opcodeOf(entry)};`);
  return `${notice}// Compiled by asc for the guest and by tsc for the host.\n\n${lines.join('\n')}\n\n${opcodes.join('\n')}\n`;
}

/** Enums that WebGPU does not have. */
const OWN_ENUMS: Readonly<Record<string, string>> = {
  ObjectKind: 'Kinds of GPU objects.',
  LimitName: "Names of WebGPU's GPUSupportedLimits.",
};

/** Enums, flags and keys as namespaces of integers, which is what AssemblyScript inlines best. */
function sdkEnums(): string {
  const member = (name: string): string => {
    const safe = camel(name);
    return /^[0-9]/.test(safe) ? `_${safe}` : safe;
  };
  const space = (name: string, about: string, entries: [string, number][]): string =>
    `/** ${about} */\nexport namespace ${name} {\n${entries.map(([key, value]) => `  export const ${key}: u32 = ${value};`).join('\n')}\n}\n`;
  const parts = [
    ...Object.entries(enums).map(([name, values]) =>
      space(
        name,
        `${OWN_ENUMS[name] ?? `Values of WebGPU's GPU${name}.`} 0 means "not given" where a value may be left out.`,
        values.map((value, index) => [member(value), index + 1]),
      ),
    ),
    ...Object.entries(flags).map(([name, bits]) => space(name, `Bits of WebGPU's GPU${name}.`, Object.entries(bits))),
    space('Key', 'Keys by their USB HID usage, page 7.', Object.entries(keys)),
  ];
  return `${notice}\n${parts.join('\n')}`;
}

const guestType = (field: Field): string =>
  ({ f32: 'f32', i32: 'i32', u64: 'u64', f64: 'f64', bool: 'bool', string: 'string', 'u32?': 'i32' })[field.type] ??
  'u32';

function storeWords(fields: Field[], base: string, start: number): string[] {
  let word = start;
  return fields.map((field) => {
    const at = word * 4;
    word += wordsOf(field);
    if (field.type === 'bytes')
      return `  store<u32>(${base}, <u32>address, ${at});\n  store<u32>(${base}, byteLength, ${at + 4});`;
    if (field.type === 'string') return `  store<u32>(${base}, ${field.name}Bytes, ${at});`;
    if (field.type === 'list' || field.type === 'words') return `  store<u32>(${base}, ${field.name}Count, ${at});`;
    if (field.type === 'u32?') return `  store<u32>(${base}, ${field.name} + 1, ${at});`;
    const type = field.type === 'bool' ? 'u32' : guestType(field);
    return `  store<${type}>(${base}, ${field.type === 'bool' ? `<u32>${field.name}` : field.name}, ${at});`;
  });
}

function encoderOf(entry: Command): string {
  const fields = fieldsOf(entry);
  const strings = fields.filter((field) => field.type === 'string');
  const lists = fields.filter((field) => field.type === 'list' || field.type === 'words');
  const parameters = fields.map((field) => {
    if (field.type === 'bytes') return 'address: usize, byteLength: u32';
    if (field.type === 'list' || field.type === 'words') return `${field.name}Count: u32`;
    return `${field.name}: ${guestType(field)}`;
  });
  const fixed = 1 + sum(fields);
  const lengths = [
    `${fixed}`,
    ...strings.map((field) => `((${field.name}Bytes + 3) >> 2)`),
    ...lists.map((field) => `${field.name}Count * ${field.type === 'words' ? 1 : sum(structFields(field.of))}`),
  ];
  const opcode = opcodeOf(entry);
  const variable = strings.length + lists.length > 0;
  const lines = [
    ...strings.map((field) => `  const ${field.name}Bytes = <u32>String.UTF8.byteLength(${field.name});`),
    variable
      ? `  const length: u32 = ${lengths.join(' + ')};\n  const p = reserve(length);`
      : `  const p = reserve(${fixed});`,
    variable ? `  store<u32>(p, (length << 16) | ${opcode});` : `  store<u32>(p, ${(fixed * 65536 + opcode) >>> 0});`,
    ...storeWords(fields, 'p', 1),
  ];
  if (strings.length > 0) lines.push(`  let tail = p + ${fixed * 4};`);
  lines.push(...strings.map((field) => `  tail = text(tail, ${field.name}, ${field.name}Bytes);`));
  if (lists.length > 0) lines.push(strings.length > 0 ? '  return tail;' : `  return p + ${fixed * 4};`);
  const about = lists.length > 0 ? `${entry.about} Returns where the records begin.` : entry.about;
  return `/** ${about} */\nexport function ${entry.name}(${parameters.join(', ')}): ${lists.length > 0 ? 'usize' : 'void'} {\n${lines.join('\n')}\n}\n`;
}

function encode(): string {
  const writers = Object.keys(structs).map((name) => {
    const fields = structFields(name);
    const parameters = fields.map((field) => `${field.name}: ${guestType(field)}`);
    const lines = storeWords(fields, 'at', 0);
    return `/** Writes one record; returns where the next begins. */\nexport function write${name}(at: usize, ${parameters.join(', ')}): usize {\n${lines.join('\n')}\n  return at + ${sum(fields) * 4};\n}\n`;
  });
  return `${notice}import { reserve, text } from './stream';\n\n${[...writers, ...commands.map(encoderOf)].join('\n')}`;
}

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
const groups = ['objects', 'queue', 'encoder', 'pass'] as const;
const groupOf = (entry: Command): (typeof groups)[number] =>
  entry.opcode < 32 ? 'objects' : entry.opcode < 48 ? 'queue' : entry.opcode < 64 ? 'encoder' : 'pass';
/** Whether the command's fields arrive as one record, shaped like WebGPU's descriptor, rather than as arguments. */
const isDescribed = (entry: Command): boolean => entry.name.startsWith('create');
const recordName = (entry: Command): string => `${entry.name[0]!.toUpperCase()}${entry.name.slice(1)}`;

function decodeCase(entry: Command): string {
  const fields = fieldsOf(entry);
  const fixed = 1 + sum(fields);
  const tails = [
    ...fields.filter((field) => field.type === 'string'),
    ...fields.filter((field) => isTail(field) && field.type !== 'string'),
  ];
  const at = new Map<string, number>();
  let word = 1;
  for (const field of fields) {
    at.set(field.name, word);
    word += wordsOf(field);
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
      const stride = field.type === 'words' ? 1 : sum(structFields(field.of));
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
        return `${field.name}: list(r, t, ${field.name}, w[${place}], ${constant(field.of)}_WORDS, read${field.of})`;
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
    word += wordsOf(field);
  }
  return `{ label: ${label}, text: ${label === 0 ? 0 : word}, ids: [${ids.join(', ')}] }`;
}

function decode(): string {
  const names = Object.entries(enums).map(
    ([name, values]) => `${name}: [${values.map((entry) => `'${entry}'`).join(', ')}] as const`,
  );
  const masks = Object.entries(flags).map(
    ([name, set]) => `${name}: ${Object.values(set).reduce((all: number, bit: number) => all | bit, 0)}`,
  );
  const used = JSON.stringify([structs, commands.map((entry) => entry.fields)]);
  const types = Object.keys(enums)
    .filter((name) => new RegExp(`enum\\?? ${name}"`).test(used))
    .map((name) => `type GPU${name}Name = (typeof names.${name})[number];`);
  const records = Object.keys(structs).map((name) => {
    const fields = structFields(name);
    const members = fields.map((field) => `${field.name}: ${hostType(field)};`).join('\n');
    let word = 0;
    const reads = fields.map((field) => {
      const text = `${field.name}: ${value(field, `at + ${word}`)}`;
      word += wordsOf(field);
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
    return `export interface ${name} {\n${members}\n}\n\nexport const ${constant(name)}_WORDS = ${sum(fields)};\n\nexport function read${name}(${used.includes('r.') || views.length > 0 ? 'r' : '_r'}: Reader, ${tables}: Tables, at: number): ${name} {\n${views.join('\n')}\nreturn { ${used} };\n}\n`;
  });
  const described = commands.filter(isDescribed).map((entry) => {
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
  const interfaces = groups.map((group) => {
    const methods = commands.filter((entry) => groupOf(entry) === group).map(method);
    return `export interface ${group[0]!.toUpperCase()}${group.slice(1)}Commands {\n${methods.join('\n')}\n}\n`;
  });
  const opcodes = commands.map((entry) => `[${opcodeOf(entry)}, '${entry.name}']`);
  const mentions = commands.map((entry) => `[${opcodeOf(entry)}, ${mentionsOf(entry)}]`);
  return `${notice}import { badLength, bits, bool, Fault, finite, oneOf, oneOfOrNone, optional, type Reader } from './reader.ts';
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
${groups.map((group) => `readonly ${group}: ${group[0]!.toUpperCase()}${group.slice(1)}Commands;`).join('\n')}
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
${commands.map(decodeCase).join('\n')}
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

function functionRows(functions: Readonly<Record<string, ModuleFunction>>): string[] {
  return Object.entries(functions).map(([name, { parameters, result, optional, about }]) => {
    const head = `${name}(${parameters.join(', ')})${result === '' ? '' : ` -> ${result}`}`;
    return `| \`${head}\` | ${optional ? 'Optional. ' : ''}${about} |`;
  });
}

/** AssemblyScript's declarations of what a module may import. */
function sdkImports(): string {
  const type = (name: string): string => ({ address: 'usize', '': 'void' })[name] ?? name;
  const parameter = (text: string): string => text.replace(/: (\w+)$/, (_, name: string) => `: ${type(name)}`);
  const functions = Object.entries(MODULE_IMPORTS).map(
    ([name, { parameters, result, about }]) =>
      `/** ${about} */\nexport declare function ${name}(${parameters.map(parameter).join(', ')}): ${type(result)};\n`,
  );
  return `${notice}// The compiler imports what a file declares from a module with the file's own name.\n\n${functions.join('\n')}`;
}

function document(): string {
  const text = readFileSync(new URL('renderer/contract/ABI.md', root), 'utf8');
  const row = (cells: (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const code = (fields: readonly string[]): string => fields.map((field) => `\`${field}\``).join(', ') || '-';
  const sections: Record<string, string[]> = {
    commands: [
      row(['opcode', 'command', 'fields', 'meaning']),
      row(['--:', '---', '---', '---']),
      ...commands.map((entry) => row([opcodeOf(entry), `\`${entry.name}\``, code(entry.fields), entry.about])),
    ],
    records: [
      row(['record', 'words', 'fields']),
      row(['---', '--:', '---']),
      ...Object.entries(structs).map(([name, fields]) => row([`\`${name}\``, sum(structFields(name)), code(fields)])),
    ],
    enums: [
      row(['enum', 'values, counted from 1']),
      row(['---', '---']),
      ...Object.entries(enums).map(([name, values]) =>
        row([`\`${name}\``, values.map((entry) => `\`${entry}\``).join(' ')]),
      ),
    ],
    flags: [
      row(['flags', 'bits']),
      row(['---', '---']),
      ...Object.entries(flags).map(([name, bits]) =>
        row([
          `\`${name}\``,
          Object.entries(bits)
            .map(([bit, number]) => `\`${bit}\` ${number}`)
            .join(', '),
        ]),
      ),
    ],
    imports: [row(['import', 'meaning']), row(['---', '---']), ...functionRows(MODULE_IMPORTS)],
    exports: [row(['export', 'meaning']), row(['---', '---']), ...functionRows(MODULE_EXPORTS)],
    constants: [
      row(['name', 'value', 'meaning']),
      row(['---', '--:', '---']),
      ...Object.entries(constants).map(([name, [number, about]]) => row([`\`${name}\``, number, about])),
    ],
  };
  return text.replace(/<!-- table: (\w+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const lines = sections[name] ?? fail(`ABI.md asks for a table "${name}"`);
    return `<!-- table: ${name} -->\n${lines.join('\n')}\n<!-- end -->`;
  });
}

function kindsAreEnum(): void {
  for (const entry of commands)
    for (const field of fieldsOf(entry))
      if (['id', 'id?', 'new'].includes(field.type) && !enums.ObjectKind.includes(field.of as Kind))
        fail(`${entry.name}.${field.name}: no kind ${field.of}`);
  if (new Set(commands.map((entry) => entry.opcode)).size !== commands.length) fail('an opcode is given twice');
}

function format(path: string, text: string): string {
  const biome = new URL('node_modules/@biomejs/biome/bin/biome', root).pathname;
  const result = spawnSync(
    process.execPath,
    [biome, 'format', '--config-path=.biome.json', `--stdin-file-path=${path}`],
    {
      input: text,
      encoding: 'utf8',
      cwd: root,
    },
  );
  if (result.status !== 0) fail(`${path}: ${result.stderr}`);
  return result.stdout;
}

kindsAreEnum();
const check = process.argv.includes('--check');
const outputs: [string, string][] = [
  ['renderer/contract/abi.ts', abi()],
  ['renderer/sdk/enums.ts', sdkEnums()],
  ['renderer/sdk/encode.ts', encode()],
  ['renderer/sdk/nearlight.ts', sdkImports()],
  ['host/gpu/decode.ts', decode()],
  ['renderer/contract/ABI.md', document()],
];
for (const [path, text] of outputs) {
  const fresh = path.endsWith('.ts') ? format(path, text) : text;
  const file = new URL(path, root);
  let old = '';
  try {
    old = readFileSync(file, 'utf8');
  } catch {}
  if (old === fresh) continue;
  if (check) {
    console.error(`${path} is stale: run \`node renderer/contract/generate.ts\``);
    process.exitCode = 1;
  } else {
    writeFileSync(file, fresh);
    console.log(`wrote ${path}`);
  }
}
