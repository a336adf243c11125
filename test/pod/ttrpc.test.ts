import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPublisher, type Event } from '../../host/pod/events.ts';
import { decode, encode } from '../../host/pod/proto.ts';
import { TaskError } from '../../host/pod/tasks.ts';
import { dial, MESSAGE_BYTES_MAX, serve, type TtrpcClient, type TtrpcServer } from '../../host/pod/ttrpc.ts';
import { WAIT_MS_MAX } from '../wait.ts';

let folder: string;
let path: string;
let server: TtrpcServer;
const slow = Promise.withResolvers<void>();
const SERVICES = {
  echo: {
    Back: async (payload: Uint8Array) => payload,
    Slow: async (payload: Uint8Array) => slow.promise.then(() => payload),
    Refuse: async () => {
      throw new TaskError('notFound', 'there is none');
    },
    Break: async () => {
      throw new Error('oh');
    },
  },
};
let client: TtrpcClient;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ttrpc-'));
  path = join(folder, 's');
  server = await serve(path, SERVICES);
  client = await dial(path);
});
afterEach(async () => {
  client.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('ttrpc', () => {
  it('a ttrpc server answers several calls on one connection, each as soon as it is done', async () => {
    const late = client.call('echo', 'Slow', bytes(1));
    expect([...(await client.call('echo', 'Back', bytes(2)))]).toEqual([2]);
    slow.resolve();
    expect([...(await late)]).toEqual([1]);
  });

  it.each([
    ['echo', 'Refuse', 5, 'there is none'],
    ['echo', 'Break', 13, 'oh'],
    ['echo', 'None', 12, 'echo/None does not exist'],
    ['none', 'Back', 12, 'none/Back does not exist'],
    ['echo', 'constructor', 12, 'does not exist'],
  ])('%s/%s fails with status %i', async (service, method, code, message) => {
    await expect(client.call(service, method, bytes())).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('a ttrpc server takes a message of 4 MiB, and closes only the connection that announces a longer one', async () => {
    // 64 bytes less than 4 MiB leave room for the service, the method, and the length before each.
    const most = new Uint8Array(MESSAGE_BYTES_MAX - 64);
    expect((await client.call('echo', 'Back', most)).length).toBe(most.length);
    const socket = connect(path);
    await once(socket, 'connect');
    const header = Buffer.alloc(10);
    header.writeUInt32BE(MESSAGE_BYTES_MAX + 1);
    header[8] = 1;
    socket.write(header);
    socket.resume();
    await once(socket, 'close');
    expect([...(await client.call('echo', 'Back', bytes(3)))]).toEqual([3]);
  });

  it('a ttrpc server survives random bytes on other connections', async () => {
    let state = 5;
    const next = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    const good = Buffer.from(encode('Request', { service: 'echo', method: 'Back', payload: bytes(1, 2, 3) }));
    for (let round = 0; round < 300; round++) {
      const socket = connect(path);
      socket.on('error', () => {});
      await once(socket, 'connect');
      const frame = Buffer.alloc(10 + good.length);
      frame.writeUInt32BE(good.length);
      frame.writeUInt32BE(round * 2 + 1, 4);
      frame[8] = 1;
      good.copy(frame, 10);
      for (let change = 0; change < 4; change++) frame[Math.floor(next() * frame.length)] = Math.floor(next() * 256);
      socket.end(frame);
      socket.destroy();
    }
    expect([...(await client.call('echo', 'Back', bytes(4)))]).toEqual([4]);
  });

  it('a ttrpc client rejects the calls on a connection that ends', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const other = await serve(join(folder, 'o'), { s: { Wait: () => promise.then(() => bytes()) } });
    const caller = await dial(join(folder, 'o'));
    const waiting = caller.call('s', 'Wait', bytes());
    const closed = other.close();
    await expect(waiting).rejects.toMatchObject({ code: 14 });
    await expect(caller.call('s', 'Wait', bytes())).rejects.toMatchObject({ code: 14 });
    resolve();
    await closed;
  });
});

describe('events', () => {
  it('events are sent in order, including those that were published while containerd was down', async () => {
    const sent: string[] = [];
    let isDown = true;
    const send = async ({ type, value }: Event) => {
      if (isDown) throw new Error('as a test');
      sent.push(`${type} ${(decode(type as 'TaskStart', value) as { containerId: string }).containerId}`);
    };
    const publisher = createPublisher({ send, log() {} });
    publisher.publish('TaskCreate', { containerId: 'a', pid: 1 });
    publisher.publish('TaskStart', { containerId: 'a', pid: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sent).toEqual([]);
    isDown = false;
    await publisher.flush(WAIT_MS_MAX);
    publisher.publish('TaskOOM', { containerId: 'b' });
    await publisher.flush(WAIT_MS_MAX);
    expect(sent).toEqual(['TaskCreate a', 'TaskStart a', 'TaskOOM b']);
  });

  it.each(['EACCES', 'EINVAL'])(
    'an event that is refused with %s is logged, and the next one is sent',
    async (code) => {
      const [sent, logged]: [string[], string[]] = [[], []];
      const send = async ({ type }: Event) => {
        if (type === 'TaskStart') throw Object.assign(new Error(code), { code });
        sent.push(type);
      };
      const publisher = createPublisher({ send, log: (_level, message) => logged.push(message) });
      for (const type of ['TaskStart', 'TaskExit']) publisher.publish(type, { containerId: 'a' });
      await publisher.flush(WAIT_MS_MAX);
      expect(sent).toEqual(['TaskExit']);
      expect(logged).toEqual([expect.stringMatching(`TaskStart.*${code}`)]);
    },
  );
});
