/** Makes mutants of Wasm modules, with faults in their bytes or in their structure. The same seed makes the same mutant. */
import { must } from '../../host/base/assert.ts';
import { assemble, good, store, submit, text } from '../engine/modules.ts';
import { Random } from '../random.ts';

interface Section {
  id: number;
  body: Uint8Array;
}

/** Returns small valid modules that together have tables, elements, data, globals, a start function, save and load. */
export function smallModules(): Uint8Array[] {
  const table = `(table 4 funcref) (elem (i32.const 0) $f $f) (global $g (mut i32) (i32.const 7))
    (func $f (result i32) (global.get $g)) (data (i32.const 8000) "data")`;
  return [
    good(),
    good({ fields: table, tick: '(drop (call_indirect (result i32) (i32.const 1)))' }),
    good({ fields: '(start $s) (func $s (i32.store (i32.const 0) (i32.const 1)))' }),
    good({
      fields:
        '(func (export "save") (call $state_write (i32.const 0) (i32.const 4))) (func (export "load") (param i32))',
    }),
    good({ memory: '(memory (export "memory") 1 16)', tick: `${store(4096, [(1 << 16) | 36])} ${submit(4096, 4)}` }),
    assemble(
      text({
        fields:
          '(func $deep (param i32) (result i32) (if (result i32) (local.get 0) (then (call $deep (i32.const 0))) (else (i32.const 1))))',
      }),
    ),
  ];
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}

/** Returns the sections of a valid Wasm module. */
function sectionsOf(module: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = 8; at < module.length; ) {
    const id = must(module[at++], 'byte of the module');
    let size = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = must(module[at++], 'byte of the module');
      size += (byte & 127) * scale;
      if (byte < 128) break;
    }
    sections.push({ id, body: module.subarray(at, at + size) });
    at += size;
  }
  return sections;
}

const numbers = [0, 1, 2, 16, 17, 127, 128, 255, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35];

function mutateBytes(random: Random, source: Uint8Array): Uint8Array {
  const bytes = [...source];
  for (let n = 1 + random.below(4); n > 0 && bytes.length > 0; n--) {
    const at = random.below(bytes.length);
    const part = bytes.slice(at, at + random.below(16));
    switch (random.below(7)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        bytes.splice(at, 1 + random.below(8));
        break;
      case 3:
        bytes.splice(random.below(bytes.length), 0, ...part);
        break;
      case 4:
        bytes.splice(at, random.below(2), ...unsigned(random.pick(numbers)));
        break;
      case 5:
        bytes[at] = random.pick([0, 1, 0x0b, 0x10, 0x11, 0x40, 0x60, 0x6f, 0x70, 0x7b, 0x7e, 0x7f, 0x80, 0xff]);
        break;
      default:
        if (random.percent(10)) bytes.length = at;
    }
  }
  return Uint8Array.from(bytes);
}

/** Makes a Wasm section with a random id and a short body that seldom suits it. */
function invented(random: Random): Section {
  const bodies = [
    [1, 0],
    [1, 1, ...unsigned(65_536), ...unsigned(1)],
    [1, 3, 1, 1],
    [1, 4, 1],
    [1, 0x70, 0, ...unsigned(2 ** 32 - 1)],
    [...unsigned(2 ** 32 - 1)],
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    [1, 0x60, 0, 0],
    [1, 1, 0x61, 0, 0],
    [0],
    [],
  ];
  return { id: random.below(14), body: Uint8Array.from(random.pick(bodies)) };
}

function mutateSections(random: Random, sections: Section[]): Section[] {
  const list = [...sections];
  for (let n = 1 + random.below(3); n > 0 && list.length > 0; n--) {
    const at = random.below(list.length);
    const section = must(list[at], 'section');
    switch (random.below(7)) {
      case 0:
        list.splice(at, 1);
        break;
      case 1:
        list.splice(random.below(list.length + 1), 0, section);
        break;
      case 2:
        list[at] = { id: random.below(14), body: section.body };
        break;
      case 3:
        list[at] = { id: section.id, body: random.pick(list).body };
        break;
      case 4:
        list.splice(random.below(list.length + 1), 0, invented(random));
        break;
      case 5:
        list[at] = {
          id: section.id,
          body: Uint8Array.from([...unsigned(random.pick(numbers)), ...section.body.subarray(1)]),
        };
        break;
      default:
        list[at] = { id: section.id, body: mutateBytes(random, section.body) };
    }
  }
  return list;
}

/** Puts a few random faults into a valid Wasm module. */
export function mutateModule(random: Random, source: Uint8Array): Uint8Array {
  if (random.percent(40)) return mutateBytes(random, source);
  const sections = mutateSections(random, sectionsOf(source));
  const bytes = [...source.subarray(0, 8)];
  for (const { id, body } of sections) {
    const length = random.percent(97) ? body.length : Math.max(0, body.length + random.below(9) - 4);
    bytes.push(id, ...unsigned(length));
    for (const byte of body) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** Returns the mutant of one of the modules; the seed chooses the module and the faults. */
export function mutant(seed: number, sources: readonly Uint8Array[]): Uint8Array {
  const random = new Random(seed);
  return mutateModule(random, random.pick(sources));
}
