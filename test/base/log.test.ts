import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { createLog, type Level } from '../../host/base/log.ts';
import { at } from '../at.ts';

const LEVELS: Level[] = ['error', 'warn', 'info', 'debug'];

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function written(): string[] {
  const lines: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  return lines;
}

test.each([
  ['error', 1],
  ['warn', 2],
  ['info', 3],
  ['debug', 4],
])('a log of the level %s writes the %i most important levels', (level, count) => {
  const lines = written();
  const log = createLog(level);
  for (const of of LEVELS) log(of, `a line of ${of}`);
  expect(lines.map((line) => line.split(' ').at(-1))).toEqual(LEVELS.slice(0, count).map((of) => `${of}\n`));
});

test('a log line has its time, its level and its message', () => {
  vi.useFakeTimers({ now: Date.UTC(2030, 0, 2, 3, 4, 5, 67) });
  const lines = written();
  createLog('info')('warn', 'it is late\n');
  expect(lines).toEqual(['03:04:05.067 warn  it is late\n']);
});

test('the further lines of a log message stand below its first line', () => {
  const lines = written();
  createLog('info')('error', 'one\ntwo');
  const rows = at(lines, 0).trimEnd().split('\n');
  expect(at(rows, 1).indexOf('two')).toBe(at(rows, 0).indexOf('one'));
});

test('a log in JSON has one object per line, with what the line is about', () => {
  vi.useFakeTimers({ now: Date.UTC(2030, 0, 2, 3, 4, 5, 67) });
  const lines = written();
  const log = createLog('info', 'json');
  log('info', 'arena: seat 3 was taken\n', { room: 'arena', player: 3, traceId: '4bf92f3577b34da6a3ce929d0e0e4736' });
  log('warn', 'one\n"two"');
  log('debug', 'not at this level');
  expect(lines.every((line) => /^[^\n]+\n$/.test(line))).toBe(true);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      time: '2030-01-02T03:04:05.067Z',
      level: 'info',
      message: 'arena: seat 3 was taken',
      room: 'arena',
      player: 3,
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    },
    { time: '2030-01-02T03:04:05.067Z', level: 'warn', message: 'one\n"two"' },
  ]);
});

test('a log is text unless LOG_FORMAT says json, and another format is refused', () => {
  const lines = written();
  createLog('info', 'text')('info', 'a line', { room: 'arena' });
  expect(lines).toEqual([expect.stringMatching(/^\S+ info {2}a line\n$/)]);
  expect(() => createLog('info', 'xml')).toThrow(
    expect.objectContaining({
      code: 'NL_SETTING',
      detail: 'LOG_FORMAT=xml is unknown; set it to one of text, json',
    }),
  );
});

test('an unknown log level is refused', () => {
  expect(() => createLog('verbose')).toThrow(
    expect.objectContaining({
      code: 'NL_SETTING',
      detail: 'LOG_LEVEL=verbose is unknown; set it to one of error, warn, info, debug',
    }),
  );
});

test('a log whose reader stops keeps 1 MiB of lines, and says later how many are lost', async () => {
  const base = join(import.meta.dirname, '../../host/base');
  const program = `
    import { createLog } from ${JSON.stringify(join(base, 'log.ts'))};
    import { losses } from ${JSON.stringify(join(base, 'losses.ts'))};
    const log = createLog('info');
    for (let n = 0; n < 4000; n++) log('info', 'early '.padEnd(1000, '.'));
    const waiting = process.stderr.writableLength;
    console.log('reads');
    process.stderr.once('drain', () => {
      log('info', 'late');
      console.log(JSON.stringify({ waiting, lost: losses.log }));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, read] = ['', ''];
  child.stderr.on('data', (part) => {
    read += part;
  });
  child.stderr.pause();
  child.stdout.on('data', (text) => {
    said += text;
    child.stderr.resume();
  });
  await once(child, 'close');
  const { waiting, lost } = JSON.parse(at(said.split('\n'), 1));
  const kept = read.match(/early/g)?.length ?? 0;
  expect(waiting).toBeLessThan(2 ** 20 + 2000);
  expect(kept).toBeGreaterThan(1000);
  expect(kept + lost).toBe(4000);
  expect(read).toMatch(
    new RegExp(`warn  ${lost} lines of this log are lost: they could not be written\\n\\S+ info  late\\n$`),
  );
});
