/**
 * Writes what follows from contract.ts: `node renderer/contract/generate.ts`, or `--check` to only compare (exit 1 when stale).
 * A build tool, and the one file of this folder that runs in Node.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { reference } from '../sdk/reference.ts';
import { commands, constants, enums, flags, type Kind, keys, structs } from './contract.ts';
import { decoderSource } from './decoder.ts';
import { type CommandLayout, type Field, fieldsOfStruct, isList, LAYOUTS, wordsOf, wordsPerElement } from './fields.ts';

const root = new URL('../..', import.meta.url);
const notice = '// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.\n';

const constant = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
const camel = (text: string): string => text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
function fail(message: string): never {
  throw new Error(message);
}

function abi(): string {
  const lines = Object.entries(constants).map(
    ([name, [value, about]]) => `/** ${about} */\nexport const ${name} = ${value};`,
  );
  const opcodes = LAYOUTS.map(({ name, opcode }) => `export const OP_${constant(name)} = ${opcode};`);
  return `${notice}// Compiled by asc for the guest and by tsc for the host.\n\n${lines.join('\n')}\n\n${opcodes.join('\n')}\n`;
}

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
        `GPU${name}; 0 where an enum is optional means "not given".`,
        values.map((value, index) => [member(value), index + 1]),
      ),
    ),
    ...Object.entries(flags).map(([name, bits]) => space(name, `GPU${name} bits.`, Object.entries(bits))),
    space('Key', 'USB HID usages of page 7.', Object.entries(keys)),
  ];
  return `${notice}\n${parts.join('\n')}`;
}

const guestType = (field: Field): string =>
  ({ f32: 'f32', i32: 'i32', u64: 'u64', f64: 'f64', bool: 'bool', string: 'string', 'u32?': 'i32' })[field.type] ??
  'u32';

function storeWords(fields: readonly Field[], base: string, start: number): string[] {
  let word = start;
  return fields.map((field) => {
    const at = word * 4;
    word += wordsOf([field]);
    if (field.type === 'bytes')
      return `  store<u32>(${base}, <u32>address, ${at});\n  store<u32>(${base}, byteLength, ${at + 4});`;
    if (field.type === 'string') return `  store<u32>(${base}, ${field.name}Bytes, ${at});`;
    if (isList(field)) return `  store<u32>(${base}, ${field.name}Count, ${at});`;
    if (field.type === 'u32?') return `  store<u32>(${base}, ${field.name} + 1, ${at});`;
    const type = field.type === 'bool' ? 'u32' : guestType(field);
    return `  store<${type}>(${base}, ${field.type === 'bool' ? `<u32>${field.name}` : field.name}, ${at});`;
  });
}

function encoderOf(entry: CommandLayout): string {
  const { fields, opcode } = entry;
  const strings = fields.filter((field) => field.type === 'string');
  const lists = fields.filter(isList);
  const parameters = fields.map((field) => {
    if (field.type === 'bytes') return 'address: usize, byteLength: u32';
    if (isList(field)) return `${field.name}Count: u32`;
    return `${field.name}: ${guestType(field)}`;
  });
  const fixed = 1 + wordsOf(fields);
  const lengths = [
    `${fixed}`,
    ...strings.map((field) => `((${field.name}Bytes + 3) >> 2)`),
    ...lists.map((field) => `${field.name}Count * ${wordsPerElement(field)}`),
  ];
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
    const fields = fieldsOfStruct(name);
    const parameters = fields.map((field) => `${field.name}: ${guestType(field)}`);
    const lines = storeWords(fields, 'at', 0);
    return `/** Writes one record; returns where the next begins. */\nexport function write${name}(at: usize, ${parameters.join(', ')}): usize {\n${lines.join('\n')}\n  return at + ${wordsOf(fields) * 4};\n}\n`;
  });
  return `${notice}import { reserve, text } from './stream';\n\n${[...writers, ...LAYOUTS.map(encoderOf)].join('\n')}`;
}

function document(): string {
  const text = readFileSync(new URL('renderer/contract/ABI.md', root), 'utf8');
  const row = (cells: (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const code = (fields: readonly string[]): string => fields.map((field) => `\`${field}\``).join(', ') || '-';
  const sections: Record<string, string[]> = {
    commands: [
      row(['opcode', 'command', 'fields', 'meaning']),
      row(['--:', '---', '---', '---']),
      ...commands.map(({ name, fields, about }, index) =>
        row([LAYOUTS[index]?.opcode ?? fail(`${name} has no layout`), `\`${name}\``, code(fields), about]),
      ),
    ],
    records: [
      row(['record', 'words', 'fields']),
      row(['---', '--:', '---']),
      ...Object.entries(structs).map(([name, fields]) =>
        row([`\`${name}\``, wordsOf(fieldsOfStruct(name)), code(fields)]),
      ),
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
  for (const entry of LAYOUTS)
    for (const field of entry.fields)
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
  ['host/gpu/decode.ts', `${notice}${decoderSource()}`],
  ['renderer/contract/ABI.md', document()],
  ['renderer/sdk/SDK.md', reference(root)],
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
