/** Generates the loop that checks a command stream and has its commands executed. */
import { COMMANDS, type Command } from '../commands.ts';
import { type Field, fieldsOf, isList, opcodeOf, wordsOf, wordsPerElement } from '../field.ts';
import { executorOf, passingOf, SLOW } from './executor.ts';
import { member, parametersOf, read, u32 } from './fields.ts';
import { upperCase } from './text.ts';

/** Source of the arguments that pass a field, whose first word is at `place`, to the method that executes its command. */
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

/** Source of the statements that check a command's length and find its strings and lists. */
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

const LOOP = `
/** Reads a command's list: \`count\` records that begin at word \`at\` of the stream. */
function list<T>({ words, read }: ListRecord<T>, r: Reader, t: Tables, at: number, count: number): T[] {
return Array.from({ length: count }, (_, n) => read(r, t, at + n * words));
}

/** Called by the decoder between two commands now and then. If it returns a promise, the decoder stops there. */
export type Look = () => Promise<void> | undefined;

/**
 * Checks the commands from \`r.at\` on (opcode, length, enums, flags, ids) and has \`h\` execute each of them. Calls \`look\` before
 * every \`lookEvery\`-th command. If \`look\` returns a promise, stops and returns it; at the end, returns undefined.
 * @throws Fault at the first bad command, and whatever executing a command or \`look\` throws. \`r\` then stands at that command;
 * the commands before it have been executed
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
// The checks of commands' lengths keep every index into \`w\` within the stream, so the zeros after \`??\` are never used.
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

/** The source of the loop, with a case for each command. */
export function loopSource(): string {
  return LOOP.replace('CASES', () => COMMANDS.map(caseSource).join('\n'));
}
