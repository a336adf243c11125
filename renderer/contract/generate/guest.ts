/** Generates the files that games are compiled with: constants, enums, writers of commands, and declarations of imports. */
import { COMMANDS, type Command } from '../commands.ts';
import { CONSTANTS } from '../constants.ts';
import { type Field, fieldsOf, opcodeOf, recordFields, wordsOf } from '../field.ts';
import { MODULE_IMPORTS } from '../functions.ts';
import { RECORDS } from '../records.ts';
import { ENUMS, FLAGS, KEYS, PAD_AXES, PAD_BUTTONS } from '../values.ts';
import { camelCase, NOTICE, upperCase } from './text.ts';

export function abi(): string {
  const lines = Object.entries(CONSTANTS).map(
    ([name, [value, about]]) => `/** ${about} */\nexport const ${name} = ${value};`,
  );
  const opcodes = COMMANDS.map((entry) => `export const OP_${upperCase(entry.name)} = ${opcodeOf(entry)};`);
  return `${NOTICE}// The AssemblyScript compiler compiles this file into games, and tsc compiles it for the host.\n\n${lines.join('\n')}\n\n${opcodes.join('\n')}\n`;
}

/** Descriptions of the enums that WebGPU does not have, by name. */
const OWN_ENUMS: Readonly<Record<string, string>> = {
  ObjectKind: 'Kinds of GPU objects that a game can make.',
  Phase: 'Phases of a match.',
  LimitName: "Names of the GPU's limits (WebGPU's GPUSupportedLimits).",
};

/** Generates the SDK's enums, flags, keys and parts of gamepads as namespaces of integers, which AssemblyScript inlines best. */
export function sdkEnums(): string {
  const member = (name: string): string => {
    const safe = camelCase(name);
    return /^[0-9]/.test(safe) ? `_${safe}` : safe;
  };
  const space = (name: string, about: string, entries: [string, number][]): string =>
    `/** ${about} */\nexport namespace ${name} {\n${entries.map(([key, value]) => `  export const ${key}: u32 = ${value};`).join('\n')}\n}\n`;
  const parts = [
    ...Object.entries(ENUMS).map(([name, values]) =>
      space(
        name,
        `${OWN_ENUMS[name] ?? `Values of WebGPU's GPU${name}.`} 0 means "not given" where a value may be left out.`,
        values.map((value, index) => [member(value), index + 1]),
      ),
    ),
    ...Object.entries(FLAGS).map(([name, bits]) => space(name, `Bits of WebGPU's GPU${name}.`, Object.entries(bits))),
    space('Key', 'Keys of a keyboard: their USB HID usages of page 7.', Object.entries(KEYS)),
    space('PadButton', 'Buttons of a gamepad: their places in the standard mapping.', Object.entries(PAD_BUTTONS)),
    space('PadAxis', "Axes of a gamepad's sticks: their places in the standard mapping.", Object.entries(PAD_AXES)),
  ];
  return `${NOTICE}\n${parts.join('\n')}`;
}

const guestType = (field: Field): string =>
  ({ f32: 'f32', i32: 'i32', u64: 'u64', f64: 'f64', bool: 'bool', string: 'string', 'u32?': 'i32' })[field.type] ??
  'u32';

function storeWords(fields: Field[], base: string, start: number): string[] {
  let word = start;
  return fields.map((field) => {
    const at = word * 4;
    word += wordsOf([field]);
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
  const fixed = 1 + wordsOf(fields);
  const lengths = [
    `${fixed}`,
    ...strings.map((field) => `((${field.name}Bytes + 3) >> 2)`),
    ...lists.map((field) => `${field.name}Count * ${field.type === 'words' ? 1 : wordsOf(recordFields(field.of))}`),
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
  const about = `Encodes \`${entry.name}\`: ${entry.about.charAt(0).toLowerCase()}${entry.about.slice(1)}`;
  const comment =
    lists.length > 0
      ? `*\n * ${about}\n * Returns the address at which to write the elements of the command's lists.\n `
      : `* ${about} `;
  return `/*${comment}*/\nexport function ${entry.name}(${parameters.join(', ')}): ${lists.length > 0 ? 'usize' : 'void'} {\n${lines.join('\n')}\n}\n`;
}

export function encode(): string {
  const writers = Object.keys(RECORDS).map((name) => {
    const fields = recordFields(name);
    const parameters = fields.map((field) => `${field.name}: ${guestType(field)}`);
    const lines = storeWords(fields, 'at', 0);
    return `/** Writes a record ${name} of a command's list at address \`at\`. Returns the address after it. */\nexport function write${name}(at: usize, ${parameters.join(', ')}): usize {\n${lines.join('\n')}\n  return at + ${wordsOf(fields) * 4};\n}\n`;
  });
  return `${NOTICE}import { reserve, text } from './stream';\n\n${[...writers, ...COMMANDS.map(encoderOf)].join('\n')}`;
}

/** Generates AssemblyScript's declarations of the functions that a game's module may import from the host. */
export function sdkImports(): string {
  const type = (name: string): string => ({ address: 'usize', '': 'void' })[name] ?? name;
  const parameter = (text: string): string => text.replace(/: (\w+)$/, (_, name: string) => `: ${type(name)}`);
  const functions = Object.entries(MODULE_IMPORTS).map(
    ([name, { parameters, result, about }]) =>
      `/** ${about} */\nexport declare function ${name}(${parameters.map(parameter).join(', ')}): ${type(result)};\n`,
  );
  return `${NOTICE}// AssemblyScript takes the name of this file, nearlight, for the module that the functions declared here are imported from.\n\n${functions.join('\n')}`;
}
