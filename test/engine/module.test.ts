import { describe, expect, test } from 'vitest';
import { checkModule, START_EXPORT } from '../../host/engine/module.ts';
import { ABI_VERSION } from '../../renderer/contract/abi.ts';
import { assemble, good, imports, options, text } from './modules.ts';

const { limits } = options();
const check = (bytes: Uint8Array, more: Partial<typeof limits> = {}) => checkModule(bytes, { ...limits, ...more });

/** Unsigned LEB128 of at most 32 bits. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128))];
}

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const section = (id: number, ...body: number[]) => [id, ...leb(body.length), ...body];

describe('a file that is not a module', () => {
  test.each([
    ['nothing', []],
    ['text', [...new TextEncoder().encode('hello, world')]],
    ['a component', [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]],
    ['a section longer than the file', [...HEADER, 1, 100, 0]],
    ['a length of more than 32 bits', [...HEADER, 1, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a count that the section cannot hold', [...HEADER, ...section(1, ...leb(4_000_000_000))]],
    ['an unknown section', [...HEADER, ...section(14)]],
    ['sections out of order', [...HEADER, ...section(3, 0), ...section(1, 0)]],
    ['a section twice', [...HEADER, ...section(1, 0), ...section(1, 0)]],
    ['a section with bytes after its contents', [...HEADER, ...section(1, 0, 0)]],
    ['a shared memory', [...HEADER, ...section(5, 1, 3, 1, 1)]],
    ['a 64-bit memory', [...HEADER, ...section(5, 1, 4, 1)]],
    ['two memories', [...HEADER, ...section(5, 2, 0, 1, 0, 1)]],
    ['a memory with its maximum below its minimum', [...HEADER, ...section(5, 1, 1, 2, 1)]],
    ['a name that is not UTF-8', [...HEADER, ...section(7, 1, 1, 0xff, 0, 0)]],
  ])('%s is refused', (_, bytes) => {
    expect(() => check(Uint8Array.from(bytes))).toThrow('NL_MODULE_INVALID');
  });

  test('every truncation of a good module is refused', () => {
    const whole = good();
    for (let length = 0; length < whole.length; length++)
      expect(() => check(whole.subarray(0, length)), `${length} bytes`).toThrow(/^NL_MODULE_(INVALID|EXPORT)/);
    check(whole);
  });

  test('a module with any byte changed is accepted, or refused with a coded error', () => {
    const whole = good();
    for (let at = 0; at < whole.length; at++) {
      const flipped = whole.slice();
      flipped.set([0x85 ^ (whole[at] ?? 0)], at);
      try {
        check(flipped);
      } catch (error) {
        expect(error).toHaveProperty('code', expect.stringMatching(/^NL_MODULE_/));
      }
    }
  });
});

describe('exports', () => {
  test('the error names every missing export, and the line of source that adds them', () => {
    const wat = text().replace('(export "version")', '').replace('(export "tick")', '');
    expect(() => check(assemble(wat))).toThrow(
      /it does not export "version" and "tick"\. Add this line .*: export \{ init, .* version \} from "@nearlight\/sdk\/game";/,
    );
  });

  test.each(['memory', 'version', 'init', 'join', 'leave', 'tick', 'render'])('%s is required', (name) => {
    const wat = text().replace(`(export "${name}")`, '(export "other")');
    expect(() => check(assemble(wat))).toThrow(new RegExp(`^NL_MODULE_EXPORT: .*"${name}"`));
  });

  test('an exported function of another type is refused', () => {
    const wat = text().replace('(func (export "tick") (param i32)', '(func (export "tick") (param i64)');
    expect(() => check(assemble(wat))).toThrow(/^NL_MODULE_EXPORT: .*"tick".*\(i32\) -> nothing/);
  });

  test('a global that is exported in place of a function is refused', () => {
    const wat = text().replace('(func (export "tick") (param i32) )', '(global (export "tick") i32 (i32.const 1))');
    expect(() => check(assemble(wat))).toThrow(/^NL_MODULE_EXPORT: .*"tick".*global/);
  });
});

describe('the version of the contract', () => {
  const declaring = (version: string, more = '') =>
    assemble(
      text({ version: `(func (export "version") (result i32) ${version})` }).replace('(module', `(module ${more}`),
    );

  test.each([
    [ABI_VERSION - 1, 'rebuild the module with the SDK of the release that this host runs'],
    [ABI_VERSION + 1, 'update nearlight on this host, or rebuild the module'],
    [-1, 'rebuild'],
    [2 ** 31 - 1, 'update'],
  ])('a module for version %i is refused with both versions and what to do', (version, remedy) => {
    expect(() => check(declaring(`(i32.const ${version})`))).toThrow(
      `NL_MODULE_VERSION: The module speaks another version of the contract: it was built for version ${version} of ` +
        `the contract, and this host supports version ${ABI_VERSION}: ${remedy}`,
    );
  });

  test('a module for another version is refused for its version, not for an import that only that version has', () => {
    const added = '(import "nearlight" "speak" (func (param i32)))';
    expect(() => check(declaring(`(i32.const ${ABI_VERSION + 1})`, added))).toThrow('NL_MODULE_VERSION');
    expect(() => check(declaring(`(i32.const ${ABI_VERSION})`, added))).toThrow('NL_MODULE_IMPORT');
  });

  test('a version that a function computes is left to the engine to check', () => {
    check(declaring('(i32.add (i32.const 1) (i32.const 1))'));
  });
});

describe('imports', () => {
  test.each([
    ['another module name', '(import "wasi_snapshot_preview1" "fd_write" (func (param i32)))', 'fd_write'],
    ['an unknown function', '(import "nearlight" "open" (func (param i32)))', 'nearlight.open'],
    [
      'a function named like a property of every object',
      '(import "nearlight" "toString" (func (param i32)))',
      'toString',
    ],
    ['a memory', '(import "nearlight" "submit" (memory 1))', 'memory'],
    ['a global', '(import "nearlight" "submit" (global i32))', 'global'],
    ['a function with another type', '(import "nearlight" "submit" (func (param i32)))', 'another type'],
  ])('an import of %s is refused', (_, field, named) => {
    const wat = text({ memory: field.includes('memory') ? '' : '(memory (export "memory") 1)' });
    expect(() => check(assemble(wat.replace(imports, field)))).toThrow(named);
    expect(() => check(assemble(wat.replace(imports, field)))).toThrow('NL_MODULE_IMPORT');
  });

  test.each([
    [
      '(import "env" "seed" (func (result f64)))',
      /it calls Math\.random \(import env\.seed\): use Random from "@nearlight\/sdk"/,
    ],
    ['(import "env" "console.log" (func (param i32)))', /it calls console\.log .*: use log\.info/],
    ['(import "env" "Date.now" (func (result f64)))', /it calls Date\.now .*: count ticks/],
    ['(import "env" "performance.now" (func (result f64)))', /it calls performance\.now .*: count ticks/],
    ['(import "env" "trace" (func (param i32 i32)))', /it calls trace .*: use log\.debug/],
    ['(import "env" "process.exit" (func (param i32)))', /it calls process\.exit .*: use exit/],
    ['(import "env" "crypto.getRandomValuesN" (func))', /it calls crypto\.getRandomValuesN .*: use Random/],
    ['(import "env" "abort" (func (param i32 i32 i32 i32)))', /it calls abort .*: let asconfig\.json extend/],
    [
      '(import "env" "Reflect.get" (func))',
      /it calls Reflect\.get .*: leave it out: a game does not run inside JavaScript/,
    ],
    ['(import "index" "helper" (func))', /it imports the function index\.helper, which no host has/],
    [
      '(import "nearlight" "later" (func))',
      /nearlight\.later, which this host does not offer: use .* of the same release/,
    ],
  ])('an import from a JavaScript host is explained: %s', (field, wanted) => {
    expect(() => check(assemble(text().replace(imports, field)))).toThrow(wanted);
  });

  test('the error names every unknown import, whatever its kind', () => {
    const fields = '(import "env" "seed" (func)) (import "a" "t" (table 1 funcref)) (import "b" "g" (global i64))';
    expect(() => check(assemble(text().replace(imports, fields)))).toThrow(
      /Math\.random .*; it imports the global b\.g.*; .* table a\.t/,
    );
  });

  test('a module without imports is accepted', () => {
    check(assemble(text().replace(imports, '')));
  });
});

describe('limits', () => {
  const memory = (pages: string) => good({ memory: `(memory (export "memory") ${pages})` });
  const table = (limit: string) => good({ fields: `(table $t ${limit} funcref)` });

  test('the size of the module is limited', () => {
    const bytes = good();
    check(bytes, { moduleBytesMax: bytes.length });
    expect(() => check(bytes, { moduleBytesMax: bytes.length - 1 })).toThrow('NL_MODULE_LIMIT');
  });

  test('the initial size of memory is limited', () => {
    check(memory('4'), { memoryBytesMax: 4 * 65536 });
    expect(() => check(memory('5'), { memoryBytesMax: 4 * 65536 })).toThrow(/^NL_MODULE_LIMIT: .*MEMORY_BYTES_MAX/);
  });

  test('the initial size of tables is limited', () => {
    check(table('100'), { tableElementsMax: 100 });
    expect(() => check(table('101'), { tableElementsMax: 100 })).toThrow(/^NL_MODULE_LIMIT: .*TABLE_ELEMENTS_MAX/);
    expect(() => check(table('4000000000'))).toThrow('NL_MODULE_LIMIT');
    const two = good({ fields: '(table $t 60 funcref) (table $u 60 funcref)' });
    expect(() => check(two, { tableElementsMax: 100 })).toThrow('NL_MODULE_LIMIT');
  });

  test('the limits of memory and tables are written into the module as their maxima', () => {
    const bounded = check(memory('1 60000'), { memoryBytesMax: 2 * 65536 }).bytes;
    expect([...bounded].join()).toContain([...section(5, 1, 1, 1, 2)].join());
    const own = check(memory('1 2')).bytes;
    expect([...own].join()).toContain([...section(5, 1, 1, 1, 2)].join());
    const grown = check(table('1'), { tableElementsMax: 100 }).bytes;
    expect([...grown].join()).toContain([...section(4, 1, 0x70, 1, 1, 100)].join());
  });
});

test('custom sections are removed from a module, wherever they are', () => {
  const bytes = good();
  const custom = section(0, 8, ...new TextEncoder().encode('wasmedge'), 1, 2, 3);
  const dressed = Uint8Array.from([...bytes.subarray(0, 8), ...custom, ...bytes.subarray(8), ...custom]);
  expect(check(dressed).bytes).toEqual(check(bytes).bytes);
});

test('a start function is turned into an export', () => {
  const { bytes } = check(good({ fields: '(start $begin) (func $begin)' }));
  const module = new WebAssembly.Module(bytes);
  expect(WebAssembly.Module.exports(module)).toContainEqual({ name: START_EXPORT, kind: 'function' });
  expect(() => check(good({ fields: `(start $b) (func $b (export "${START_EXPORT}"))` }))).toThrow('NL_MODULE_INVALID');
});

test('a checked module is still valid', () => {
  expect(WebAssembly.validate(check(good()).bytes)).toBe(true);
  expect(WebAssembly.validate(check(good({ fields: '(table 3 funcref) (start $b) (func $b)' })).bytes)).toBe(true);
});
