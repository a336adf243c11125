/** Puts faults into the command streams of calls: in a field, in a word, in a command, or in the order of commands. */
import { must } from '../../host/base/assert.ts';
import { type Field, recordFields } from '../../renderer/contract/field.ts';
import type { Random } from '../random.ts';
import { type Call, encode, type Item, table, type Value, type Values } from './encode.ts';

/** Numbers near the limits that commands are checked against. */
const NUMBERS = [
  0,
  1,
  2,
  3,
  4,
  5,
  7,
  8,
  13,
  16,
  31,
  32,
  64,
  255,
  256,
  4095,
  4096,
  65_535,
  65_536,
  2 ** 20,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 4,
  2 ** 32 - 1,
];
const floats: readonly Value[] = ['NaN', 'Infinity', '-Infinity', -1, -0, 0, 1e-45, 1, 2, 1e9, 3.4e38, -3.4e38];
const GENERATION = 2 ** 20;

function wrong(random: Random, { type }: Field, value: Value | undefined): Value {
  if (type === 'f32' || type === 'f64') return random.pick(floats);
  if (type === 'u64') return random.pick([...NUMBERS, 2 ** 33, 2 ** 52]);
  if (type === 'string')
    return random.pick([
      '',
      '\0',
      ',',
      'a,a',
      'fn x( {',
      'x'.repeat(random.below(3000)),
      '\ud800',
      '// \u{1f600}'.repeat(20),
    ]);
  if (type === 'bytes') return [random.pick(NUMBERS), random.pick(NUMBERS)];
  if (type.startsWith('id') || type === 'new' || type === 'object')
    return random.pick([0, 1, 2, 3, 4, Number(value ?? 0) + GENERATION, Number(value ?? 0) + 1, 65_535, random.u32()]);
  if (type === 'words')
    return Array.from({ length: random.pick([0, 1, 2, 9, 13, 40, 5000]) }, () => random.pick(NUMBERS));
  if (type.startsWith('enum') || type === 'flags') return random.percent(60) ? random.below(40) : random.pick(NUMBERS);
  return random.percent(80) ? random.pick(NUMBERS) : random.u32();
}

/** Returns a list field of a command with one record changed, missing or twice, or a list that is far too long. */
function wrongList(random: Random, of: string, list: readonly Values[]): readonly Values[] {
  const fields = recordFields(of);
  const record = list.length > 0 ? random.pick(list) : {};
  const field = random.pick(fields);
  const changed = { ...record, [field.name]: wrong(random, field, record[field.name]) };
  const others = list.filter((one) => one !== record);
  switch (random.below(4)) {
    case 0:
      return others;
    case 1:
      return [...list, record];
    case 2:
      return new Array(random.pick([5, 17, 300, 2000])).fill(changed);
    default:
      return [...others, changed];
  }
}

function mutateFields(random: Random, item: Item): Item {
  if ('words' in item) return mutateWords(random, item);
  const { fields } = must(table.get(item.command), `command ${item.command}`);
  if (fields.length === 0) return mutateWords(random, item);
  const values: Record<string, Value> = { ...item.values };
  for (let n = random.percent(80) ? 1 : 3; n > 0; n--) {
    const field = random.pick(fields);
    if (field.type === 'list')
      values[field.name] = wrongList(random, field.of, (values[field.name] ?? []) as readonly Values[]);
    else values[field.name] = wrong(random, field, values[field.name]);
  }
  return { command: item.command, values };
}

function mutateWords(random: Random, item: Item): Item {
  const words = [...encode([item])];
  const at = random.below(words.length);
  switch (random.below(6)) {
    case 0:
      words[at] = random.u32();
      break;
    case 1:
      words[at] = random.pick(NUMBERS);
      break;
    case 2:
      words[at] = ((words[at] ?? 0) ^ (1 << random.below(32))) >>> 0;
      break;
    case 3:
      words.length = Math.max(1, at);
      break;
    case 4:
      words.splice(at, 0, random.u32());
      break;
    default:
      // Changes only the length in the first word of a command, so that the next command begins within it, or becomes part of
      // it.
      words[0] = (((words.length + random.below(9) - 4) << 16) | ((words[0] ?? 0) & 0xffff)) >>> 0;
  }
  return { words };
}

function mutateOrder(random: Random, items: Item[]): void {
  const [from, to] = [random.below(items.length), random.below(items.length)];
  const one = must(items[from], 'item');
  switch (random.below(5)) {
    case 0:
      items.splice(from, 1);
      break;
    case 1:
      items.splice(to, 0, one);
      break;
    case 2:
      items[from] = must(items[to], 'item');
      items[to] = one;
      break;
    case 3:
      items.length = from + 1;
      break;
    default:
      items.splice(from, 0, { command: random.pick([...table.keys()]), values: {} });
  }
}

/** Returns a copy of the calls with a few random faults in their commands. */
export function mutate(random: Random, calls: readonly Call[]): readonly Call[] {
  const mutated = calls.map(({ render, items }) => ({ render, items: [...items] }));
  for (let n = 1 + random.below(3); n > 0; n--) {
    const { items } = random.percent(70) ? must(mutated.at(-1), 'call') : random.pick(mutated);
    if (items.length === 0) continue;
    const at = random.below(items.length);
    const kind = random.below(10);
    if (kind < 6) items[at] = mutateFields(random, must(items[at], 'item'));
    else if (kind < 8) items[at] = mutateWords(random, must(items[at], 'item'));
    else mutateOrder(random, items);
  }
  return mutated;
}
