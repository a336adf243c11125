/** Compares ABI.md, the host's decoder and the SDK's encoder with each other, command by command. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { afterAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { Collector } from '../../host/engine/submission.ts';
import { CommandRecords, decode, type Handler } from '../../host/gpu/decode.ts';
import { Reader } from '../../host/gpu/reader.ts';
import * as abi from '../../renderer/contract/abi.ts';
import { commands, constants, enums, type Field, flags, records, Stream, type Value, type Values } from './document.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const payload = Uint8Array.from({ length: 23 }, (_, n) => n * 11);

let seed = 1;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};

function sample(field: Field): Value {
  switch (field.type) {
    case 'f32':
      return (random(4096) - 2048) / 8;
    case 'i32':
      return random(1000) - 500;
    case 'bool':
      return random(2) === 1;
    case 'f64':
      return (random(4096) - 2048) / 8;
    case 'u32?':
      return random(1000);
    case 'u64':
      return random(2 ** 20) * 2 ** 32 + random(2 ** 32);
    case 'enum':
    case 'enum?': {
      const values = enums.find(field.of);
      return must(values[random(values.length)], 'value');
    }
    case 'flags':
      return [...flags.find(field.of).values()].reduce((all, bit) => all | (random(2) * bit), 0);
    case 'string':
      return 'nähe\u{1f600}'.slice(0, 6) + 'abcdefgh'.slice(random(8));
    case 'words':
      return Array.from({ length: 1 + random(4) }, () => random(2 ** 32));
    case 'list':
      return Array.from({ length: 1 + random(3) }, () => sampleAll(records.find(field.of).fields));
    case 'bytes':
      return payload;
    default:
      return 1 + random(2 ** 32 - 1);
  }
}

function sampleAll(fields: Field[]): Values {
  return Object.fromEntries(fields.map((field) => [field.name, sample(field)]));
}

const samples = [...commands].flatMap(([name, { fields }]) =>
  [0, 1, 2].map(() => ({ name, fields, values: sampleAll(fields) })),
);

/** Makes a handler of decoded commands that collects its calls. Its tables return ids in place of objects. */
function recorder(calls: { name: string; args: unknown[] }[]): Handler {
  const table = { get: (id: number) => id, getOrNone: (id: number) => (id === 0 ? undefined : id) };
  const group = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...args: unknown[]) =>
          calls.push({ name: String(name), args }),
    },
  );
  const tables = new Proxy({}, { get: () => table });
  const executors = [
    'objects',
    'pipelines',
    'scopes',
    'queue',
    'copies',
    'encoder',
    'bindings',
    'renderPass',
    'computePass',
    'player',
    'bus',
  ];
  const handler = {
    tables,
    records: new CommandRecords(),
    ...Object.fromEntries(executors.map((name) => [name, group])),
  };
  return handler as unknown as Handler;
}

/** Returns the words of a command's list, which the decoder gives as the index of its first word and its element count. */
function listWords(words: Uint32Array, at: number, count: number, field: Field): number[] {
  const stride = field.type === 'words' ? 1 : records.find(field.of).words;
  return [...words.subarray(at, at + count * stride)];
}

describe('the contract', () => {
  it('the contract has every constant of ABI.md, with its value', () => {
    for (const [name, value] of constants) expect([name, (abi as Record<string, number>)[name]]).toEqual([name, value]);
  });

  it.each(samples)('the host decodes the command $name as ABI.md says', ({ name, fields, values }) => {
    const stream = new Stream().command(name, values).submission;
    const reader = new Reader();
    const calls: { name: string; args: unknown[] }[] = [];
    reader.open(stream.commands, stream.data);
    decode(reader, recorder(calls), () => undefined, 1);
    expect(calls.map((call) => call.name)).toEqual([name]);
    const { args } = must(calls[0], 'call');
    if (name.startsWith('create')) {
      expect(args).toEqual([values]);
      return;
    }
    // The members of the object that a handler gets are in the order of the command's fields, as arguments are.
    const left = typeof args[0] === 'object' ? Object.values(args[0] ?? {}) : [...args];
    for (const field of fields) {
      if (field.type === 'bytes') {
        expect(left.splice(0, 2)).toEqual([0, payload.length]);
      } else if (field.type === 'list' || field.type === 'words') {
        const expected = new Stream().command(name, {
          [field.name]: must(values[field.name], 'value'),
        }).words;
        const found = listWords(stream.commands, Number(left.shift()), Number(left.shift()), field);
        expect(expected.slice(-found.length)).toEqual(found);
        expect(found.length).toBeGreaterThan(0);
      } else expect([field.name, left.shift()]).toEqual([field.name, values[field.name]]);
    }
    expect(left).toEqual([]);
  });

  it('the host accepts 0 for an optional enum, and refuses it for other enums', () => {
    for (const [name, { fields }] of commands)
      for (const field of fields.filter(({ type }) => /^enum/.test(type))) {
        const stream = new Stream().command(name);
        const at =
          1 +
          fields
            .slice(0, fields.indexOf(field))
            .reduce((sum, { type }) => sum + (/^(u64|f64|bytes)$/.test(type) ? 2 : 1), 0);
        stream.words[at] = 0;
        const reader = new Reader();
        const { commands: words, data } = stream.submission;
        reader.open(words, data);
        const run = () => decode(reader, recorder([]), () => undefined, 1);
        if (field.type === 'enum?') run();
        else expect(run, `${name}.${field.name}`).toThrow(field.name);
      }
  });
});

/** A folder inside the project, because the compiler names files by their path from the project's root. */
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build/contract-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a field's value as AssemblyScript, for a call of renderer/sdk/encode.ts. */
function literal(field: Field, value: Value): string {
  if (field.type === 'enum' || field.type === 'enum?') return String(enums.find(field.of).indexOf(String(value)) + 1);
  if (field.type === 'f32' || field.type === 'f64') return Number(value).toFixed(4);
  if (field.type === 'string') return JSON.stringify(value);
  if (field.type === 'list' || field.type === 'words') return String((value as readonly unknown[]).length);
  if (field.type === 'bytes') return `payload, ${payload.length}`;
  return String(value);
}

function listLines({ type, of, name }: Field, values: Values): string[] {
  const value = must(values[name], 'value');
  if (type === 'words') return (value as readonly number[]).map((word) => `store<u32>(at, ${word}); at += 4;`);
  const { fields } = records.find(of);
  return (value as readonly Values[]).map(
    (record) =>
      `at = encode.write${of}(at, ${fields.map((field) => literal(field, must(record[field.name], 'value'))).join(', ')});`,
  );
}

function guestLines(): string[] {
  return samples.flatMap(({ name, fields, values }) => {
    const call = `encode.${name}(${fields.map((field) => literal(field, must(values[field.name], 'value'))).join(', ')});`;
    const lists = fields.filter(({ type }) => type === 'list' || type === 'words');
    return lists.length === 0 ? [call] : [`at = ${call}`, ...lists.flatMap((field) => listLines(field, values))];
  });
}

async function compile(): Promise<Uint8Array<ArrayBuffer>> {
  const source = join(folder, 'every.ts');
  const output = join(folder, 'every.wasm');
  writeFileSync(
    source,
    `import * as encode from '@nearlight/sdk/sdk/encode';\nimport { flush } from '@nearlight/sdk/sdk/stream';\nimport { abort as _abort } from '@nearlight/sdk/sdk/abort';\n` +
      `const payload = memory.data<u8>([${payload.join(', ')}]);\n` +
      `export function every(): void {\nlet at: usize = 0;\n${guestLines().join('\n')}\nflush();\n}\n`,
  );
  const options = [relative(root, source), '--outFile', relative(root, output), '--baseDir', root];
  const { error, stderr } = await asc.main([
    ...options,
    '--target',
    'debug',
    '--runtime',
    'stub',
    '--memoryBase',
    '64',
  ]);
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return new Uint8Array(readFileSync(output));
}

describe("the SDK's encoder", () => {
  it("the SDK's encoder writes every command as ABI.md says", async () => {
    const collector = new Collector({ commandBytesMax: 2 ** 20, dataBytesMax: 2 ** 20 });
    let memory = new Uint8Array();
    const module = await WebAssembly.compile(await compile());
    const instance = await WebAssembly.instantiate(module, {
      nearlight: {
        submit: (address: number, length: number) => collector.append(memory, address, length),
        mark: () => {},
        log: () => {},
      },
    });
    const exports = instance.exports as { memory: WebAssembly.Memory; _initialize(): void; every(): void };
    exports._initialize();
    memory = new Uint8Array(exports.memory.buffer);
    exports.every();
    const expected = new Stream();
    for (const { name, values } of samples) expected.command(name, values);
    const { commands: words, data } = collector.submission('', undefined);
    expect(words.length).toBe(expected.words.length);
    for (const [index, start] of expected.starts.entries()) {
      const end = expected.starts[index + 1] ?? expected.words.length;
      expect([samples[index]?.name, ...words.subarray(start, end)]).toEqual([
        samples[index]?.name,
        ...expected.words.slice(start, end),
      ]);
    }
    expect(Buffer.from(data)).toEqual(Buffer.from(expected.submission.data));
  });
});
