import { execFileSync, spawn } from 'node:child_process';
import { constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOutput } from '../../host/pod/stdio.ts';
import { eventually, sleep } from '../wait.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stdio-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fifo(name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

describe('an output', () => {
  it('an output opens a FIFO before its reader does, and keeps what was written for the reader', async () => {
    const path = fifo('late');
    const output = openOutput(path);
    output.write('one\n');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    output.write('two\n');
    const buffer = Buffer.alloc(100);
    let read = '';
    const more = () => {
      const bytes = readSync(reader, buffer);
      read += buffer.toString('utf8', 0, bytes);
      return bytes;
    };
    await eventually(() => {
      more();
      expect(read).toBe('one\ntwo\n');
    });
    output.close();
    // The reader sees the end of the FIFO, so no writer holds it open.
    await eventually(() => expect(more()).toBe(0));
  });

  it('an output neither blocks nor grows without bound while no one reads, and says how much was lost', async () => {
    const path = fifo('full');
    const output = openOutput(path);
    const line = `${'x'.repeat(999)}\n`;
    for (let n = 0; n < 5000; n++) output.write(line);
    const reader = spawn('cat', [path]);
    const chunks: Buffer[] = [];
    reader.stdout.on('data', (chunk) => chunks.push(chunk));
    // The output drops lines until the reader has made room.
    await eventually(() => {
      output.write('last\n');
      expect(Buffer.concat(chunks).toString()).toMatch(/last\n$/);
    });
    const read = Buffer.concat(chunks).toString();
    expect(read).toMatch(
      /"level":"warn","message":"\d+ writes were dropped because the reader was too slow"}\n(last\n)+$/,
    );
    // At most 1 MiB waits in the process, and the kernel buffers some more.
    expect(read.length).toBeLessThan(1.2 * 2 ** 20);
    reader.kill();
    output.close();
  });

  it.each(['', 'text'])('an output shows its end to a reader that comes after the end: "%s"', async (text) => {
    const path = fifo(`short${text}`);
    const output = openOutput(path);
    if (text) output.write(text);
    output.close();
    await sleep(100);
    const reader = spawn('cat', [path]);
    let read = '';
    reader.stdout.on('data', (chunk) => {
      read += chunk;
    });
    const ended = new Promise((resolve) => reader.once('close', () => resolve('ended')));
    expect(await ended).toBe('ended');
    expect(read).toBe(text);
    reader.kill();
  });

  it('an output appends to a file that a URI names, and discards everything if the path is empty', async () => {
    const path = join(folder, 'log');
    for (const text of ['a', 'b']) {
      const output = openOutput(`file://${path}`);
      output.write(text);
      output.close();
      await eventually(() => expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`${text}$`)));
    }
    expect(readFileSync(path, 'utf8')).toBe('ab');
    openOutput('').write('nothing');
  });

  it('an output can be neither a logging program nor a FIFO that does not exist', () => {
    expect(() => openOutput('binary:///usr/bin/logger')).toThrow('log drivers are not supported');
    expect(() => openOutput(join(folder, 'none'))).toThrow('cannot be opened');
  });
});
