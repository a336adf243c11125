import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { ErrorCode } from '../../host/base/errors.ts';
import { run as inspect } from '../../host/cli/inspect.ts';
import { buildModules } from '../../host/play/modules.ts';
import { type CommandCapture, readCommandCapture, writeCommandCapture } from '../../host/session/command-capture.ts';
import { Describer } from '../../host/session/describe.ts';
import { formatCommands, formatTally, tally } from '../../host/session/text.ts';
import { bits, commands, enums, type Field, records, Stream, type Value, type Values } from '../gpu/document.ts';
import { begin, pipeline, target } from '../gpu/fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-inspect-'));
beforeAll(() => buildModules(['arena', 'triangle']));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

/** Runs the command. Resolves with what it prints. @throws Error with its exit status or signal, and its messages, if it fails */
async function run(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, ['host/cli/main.ts', 'inspect', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (said.stdout += text));
  child.stderr.on('data', (text) => (said.stderr += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`inspect ${args.join(' ')} ended with ${signal ?? `status ${code}`}: ${said.stderr}`);
  return said.stdout;
}

/** For each type of command field in ABI.md: a value, and how the Describer shows the value. */
const samples: Record<string, [given: Value, described: unknown]> = {
  u32: [7, 7],
  'u32?': [3, 3],
  i32: [-3, -3],
  f32: [0.1, 0.1],
  f64: [0.1, 0.1],
  u64: [2 ** 40, 2n ** 40n],
  bool: [1, true],
  asset: [2, 2],
  string: ['ünd', 'ünd'],
  words: [
    [4, 5, 0xffffffff],
    [4, 5, 0xffffffff],
  ],
  bytes: [new Uint8Array([1, 2, 3]), { dataOffset: 0, dataBytes: 3 }],
};

function sample(field: Field): [Value, unknown] {
  const { type, of } = field;
  if (samples[type]) return samples[type];
  if (type === 'list') {
    const [given, described] = sampleOf(must(records.get(of), 'struct').fields);
    return [
      [given, given],
      [described, described],
    ];
  }
  if (type.startsWith('enum')) return [lastOf(of), lastOf(of)];
  if (type === 'flags') return [bits(of, must(flagOf[of], 'flags').replaceAll(' | ', ' ')), flagOf[of]];
  return [3 * 2 ** 20 + 5, { object: of || 'textureView', index: 5, generation: 3, label: '' }];
}

const lastOf = (name: string): string =>
  name === 'ObjectKind' ? 'textureView' : must(enums.get(name)?.at(-1), 'enum');
const flagOf: Record<string, string> = {
  BufferUsage: 'COPY_DST | UNIFORM',
  TextureUsage: 'COPY_SRC',
  ShaderStage: 'VERTEX | FRAGMENT',
  ColorWrite: 'ALL',
};

function sampleOf(fields: Field[]): [Values, Record<string, unknown>] {
  const pairs = fields.map((field) => [field.name, sample(field)] as const);
  return [
    Object.fromEntries(pairs.map(([name, [given]]) => [name, given])),
    Object.fromEntries(pairs.map(([name, [, described]]) => [name, described])),
  ];
}

describe('a described command', () => {
  it.each([...commands.keys()])('%s shows every field that the document lists', (name) => {
    const { fields } = must(commands.get(name), 'command');
    const [given, described] = sampleOf(fields);
    const made = fields.find(({ type }) => type === 'new');
    const label = fields.some((field) => field.name === 'label') ? 'ünd' : '';
    if (made) described[made.name] = { ...(described[made.name] as object), label };
    const { submission } = new Stream().command(name, given);
    const [command] = new Describer().describe(submission);
    expect(command).toEqual({
      index: 0,
      name,
      bytes: submission.commands.byteLength,
      dataBytes: fields.some(({ type }) => type === 'bytes') ? 3 : 0,
      fields: described,
    });
  });

  it('shows the label of an object that an earlier command created', () => {
    const describer = new Describer();
    const stream = new Stream()
      .command('createBuffer', { id: 2, size: 8, usage: bits('BufferUsage', 'VERTEX'), label: 'points' })
      .command('setVertexBuffer', { buffer: 2 });
    const lines = formatCommands(describer.describe(stream.submission));
    expect(lines[0]).toMatch(/^ {4}0 +\d+ +createBuffer id: buffer 2 "points", size: 8, usage: VERTEX$/);
    const again = new Stream()
      .command('setVertexBuffer', { slot: 1, buffer: 2 })
      .command('setVertexBuffer', { buffer: 2 + 2 ** 20 });
    expect(formatCommands(describer.describe(again.submission)).map((line) => line.trim())).toEqual([
      '0     20           setVertexBuffer slot: 1, buffer: buffer 2 "points", offset: 0, size: 0',
      '1     20           setVertexBuffer slot: 0, buffer: buffer 2.1, offset: 0, size: 0',
    ]);
  });

  it('is indented within a pass, and its long texts are shortened', () => {
    const stream = new Stream()
      .command('createShaderModule', { id: 2, code: `first line\n${'x'.repeat(100)}` })
      .command('beginRenderPass', { colorAttachments: [{ view: 1, loadOp: 'clear', storeOp: 'store', clearR: 0.25 }] })
      .command('draw', { vertexCount: 3, instanceCount: 1 })
      .command('endRenderPass')
      .command('submit');
    const described = new Describer().describe(stream.submission);
    const lines = formatCommands(described).map((line) => line.slice(23));
    expect(lines[0]).toBe('createShaderModule id: shaderModule 2, code: "first line"... (111 characters)');
    expect(lines[1]).toContain(
      'colorAttachments: [{ view: textureView 1 "surface", loadOp: clear, storeOp: store, clearR: 0.25',
    );
    expect(lines.slice(2)).toEqual([
      '  draw vertexCount: 3, instanceCount: 1, firstVertex: 0, firstInstance: 0',
      'endRenderPass',
      'submit',
    ]);
    expect(formatTally(tally(described))).toMatch(/^5 commands, 1 pass, 1 draw, \+1 objects, \d+ B of commands$/);
  });

  it.each<[string, Stream, string]>([
    ['without a length', new Stream().raw(36), 'command 0: its length of 0 words is zero or extends beyond the stream'],
    [
      'that reaches beyond the end',
      new Stream().command('submit').raw((2 << 16) | 36),
      'command 1: its length of 2 words is zero or extends beyond the stream',
    ],
    ['that does not exist', new Stream().raw((1 << 16) | 31), 'command 0: there is no command with opcode 31'],
    ['without its fields', new Stream().raw((1 << 16) | 68), 'command 0: draw is too short with 1 words'],
    ['that is too long', new Stream().raw((2 << 16) | 36, 0), 'command 0: 1 words follow its last field'],
    [
      'with a text beyond it',
      new Stream().raw((5 << 16) | 8, 2, 9, 0, 0),
      'command 0: label of 9 bytes extends beyond the command',
    ],
    [
      'with records beyond it',
      new Stream().raw((4 << 16) | 65, 0, 0, 0xffffffff),
      'command 0: dynamicOffsets of 4294967295 records extends beyond the command',
    ],
  ])('%s is refused', (_, stream, detail) => {
    expect(() => new Describer().describe(stream.submission)).toThrow(
      `NL_COMMAND: The module sent an invalid command: ${detail}`,
    );
  });
});

describe('a command capture', () => {
  const { submission } = new Stream().command('writeBuffer', { buffer: 2, data: new Uint8Array(5).fill(9) });
  const streams: CommandCapture = {
    width: 64,
    height: 36,
    assets: new Uint8Array([1, 2, 3, 4, 5]),
    calls: [
      { kind: 'init', argument: 0, ...submission },
      { kind: 'render', argument: 3, commands: new Uint32Array(), data: new Uint8Array() },
    ],
  };

  it('that is read contains what was written', () => {
    expect(readCommandCapture(writeCommandCapture(streams))).toEqual(streams);
  });

  it('leaves out calls that submitted no commands, except the one that draws the picture', () => {
    const [, last] = streams.calls;
    const more = { ...streams, calls: [{ ...must(last, 'call'), kind: 'tick' as const }, ...streams.calls] };
    expect(readCommandCapture(writeCommandCapture(more))).toEqual(streams);
  });

  const patched = (word: number, value: number): Uint8Array => {
    const file = writeCommandCapture(streams);
    new DataView(file.buffer).setUint32(word * 4, value, true);
    return file;
  };
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(27), 'byte 27: the file ends within its header'],
    ['another file', patched(0, 1), 'byte 0: this is not a command capture'],
    ['another version', patched(1, 2), 'byte 4: the capture has version 2'],
    ['another contract', patched(2, 99), 'byte 8: the capture uses version 99 of the contract'],
    ['no pixels', patched(3, 0), 'byte 12: a picture cannot have 0x36 pixels'],
    ['too many pixels', patched(4, 65_536), 'byte 12: a picture cannot have 64x65536 pixels'],
    ['assets beyond the end', patched(6, 0xffffffff), 'byte 24: the asset pack extends beyond the end of the file'],
    ['more calls than it has', patched(5, 3), 'the file ends before call 2 of 3'],
    ['fewer calls than it has', patched(5, 1), 'there are bytes after the last call'],
    ['an unknown call', patched(9, 99), 'byte 36: 99 does not stand for any call'],
    [
      'a command stream that is not made of words',
      patched(11, 21),
      'byte 44: call 0 extends beyond the end of the file',
    ],
    ['data beyond the end', patched(12, 0xffffffff), 'byte 44: call 0 extends beyond the end of the file'],
    [
      'no picture',
      writeCommandCapture({ ...streams, calls: streams.calls.slice(0, 1) }),
      'the last call does not draw a picture',
    ],
    ['a tail', new Uint8Array([...writeCommandCapture(streams), 0]), 'there are bytes after the last call'],
  ])('%s is refused', (_, file, detail) => {
    expect(() => readCommandCapture(file)).toThrow(detail);
  });
});

describe('npm start -- inspect', () => {
  it('prints the commands of a picture with labels, sizes and times, and writes a command capture', async () => {
    const stdout = await run('triangle', '--capture', at('triangle.nlc'), '--size', '160x90');
    expect(stdout).toMatch(/^triangle: 160x90 on /);
    expect(stdout).toMatch(/^init: 5 commands, \+5 objects, \d+ B of commands$/m);
    expect(stdout).toMatch(/^render of seat 0: 7 commands, 1 pass, 1 draw, \d+ B of commands, 8 B uploaded$/m);
    expect(stdout).toMatch(/^ +4 +20 +draw vertexCount: 3, /m);
    expect(stdout).toMatch(
      /^times of the picture: guest \d+\.\d+ ms, check and replay \d+\.\d+ ms(, GPU \d+\.\d+ ms)?$/m,
    );

    const again = await run(at('triangle.nlc'), '--all');
    expect(again).toContain('createShaderModule id: shaderModule 2 "triangle", code: "struct View');
    const drawn = (text: string) =>
      text
        .split('\n')
        .filter((line) => /^ +\d/.test(line))
        .slice(-7);
    expect(drawn(again)).toEqual(drawn(stdout));
  });

  it('ends well although the GPU still works when the last command is submitted', async () => {
    const code = `
      @vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
        return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
      }
      @fragment fn fs(@builtin(position) at: vec4f) -> @location(0) vec4f {
        var x = at.x;
        for (var i = 0; i < 200; i++) { x = fract(sin(x) * 43758.5); }
        return vec4f(x, 0, 0, 1);
      }`;
    const made = new Stream()
      .command('createShaderModule', { id: 2, code })
      .command('createRenderPipeline', { id: 2, vertexModule: 2, fragmentModule: 2, targets: [target], ...pipeline });
    const drawn = begin(new Stream())
      .command('setPipeline', { pipeline: 2 })
      .command('draw', { vertexCount: 3, instanceCount: 1 })
      .command('endRenderPass')
      .command('submit');
    const capture = writeCommandCapture({
      width: 1024,
      height: 1024,
      assets: new Uint8Array(),
      calls: [
        { kind: 'init', argument: 0, ...made.submission },
        { kind: 'render', argument: 0, ...drawn.submission },
      ],
    });
    writeFileSync(at('long.nlc'), capture);
    // A process that ends at the wrong moment crashes once in about six times.
    for (let time = 0; time < 6; time++) expect(await run(at('long.nlc'))).toContain('draw vertexCount: 3');
  });

  it('prints JSON', async () => {
    const stdout = await run('arena', '--json', '--frame', '0', '--size', '160x90');
    const { calls, times, width } = JSON.parse(stdout);
    expect([calls[0].call, calls.at(-1).call, width]).toEqual(['join', 'render', 160]);
    expect(calls.at(-1)).toMatchObject({ passes: 1, submits: 1 });
    expect(calls.at(-1).described.at(-1)).toMatchObject({ name: 'submit', bytes: 4 });
    expect(times.replayMs).toBeGreaterThan(0);
  });

  writeFileSync(at('broken.nlc'), 'not a capture, but longer than its header');
  it.each<[string, string[], ErrorCode, string]>([
    ['an option', ['--nonsense'], 'NL_USAGE', "Unknown option '--nonsense'; inspect --help"],
    ['a picture', ['--frame=-1'], 'NL_USAGE', '--frame -1: give a whole number from 0'],
    ['a size', ['--size', '0x10'], 'NL_USAGE', '--size 0x10: give WIDTHxHEIGHT, each from 1 to 4096'],
    ['a game', ['nothing'], 'NL_MODULE_NOT_FOUND', 'there is neither a file nor a game named nothing'],
    ['a file', [at('broken.nlc')], 'NL_RECORDING', 'broken.nlc: byte 0: this is not a command capture'],
    ['a missing file', [at('none.nlc')], 'NL_RECORDING', 'none.nlc: ENOENT'],
    [
      'a place for its file',
      ['triangle', '--capture', at('broken.nlc/x.nlc')],
      'NL_USAGE',
      'broken.nlc/x.nlc cannot be written: ENOTDIR',
    ],
  ])('%s that it cannot use is refused', async (_, args, code, detail) => {
    await expect(inspect(args, {})).rejects.toMatchObject({ code, detail: expect.stringContaining(detail) });
  });

  it('--help lists the options', async () => {
    const stdout = await run('--help');
    for (const option of ['--frame', '--all', '--capture', '--json', '--size', '--module'])
      expect(stdout).toContain(option);
  });
});

it('a command capture of the arena is small enough to send', async () => {
  await run('arena', '--frame', '0', '--capture', at('arena.nlc'), '--size', '160x90');
  expect(readFileSync(at('arena.nlc')).length).toBeLessThan(500_000);
});
