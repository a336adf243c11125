import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildKernel } from '../../host/pod/native.ts';
import { decode, encode } from '../../host/pod/proto.ts';
import { serve } from '../../host/pod/ttrpc.ts';
import { Supervised } from './supervised.ts';

let folder: string;
let host: Supervised;

beforeEach(async () => {
  await buildKernel();
  folder = mkdtempSync(join(tmpdir(), 'nl-ev-'));
  for (const name of ['warm', 'claim', 'host', 'state']) mkdirSync(path('run', name), { recursive: true });
  host = new Supervised(path('run'));
});

afterEach(async () => {
  host.child.kill('SIGKILL');
  await once(host.child, 'exit');
  rmSync(folder, { recursive: true, force: true });
});

const path = (...names: string[]) => join(folder, ...names);

/** A containerd that takes events, and what it has received. */
async function containerd(name: string) {
  const received: string[] = [];
  const services = {
    'containerd.services.events.ttrpc.v1.Events': {
      Forward: async (payload: Uint8Array) => {
        const { timestamp, namespace, topic, event } = decode('ForwardRequest', payload).envelope;
        const { containerId, id = '' } = decode(event.typeUrl.split('.').at(-1) as string, event.value);
        received.push([timestamp.seconds, timestamp.nanos, namespace, topic, event.typeUrl, containerId, id].join(' '));
        if (id === 'refused') throw new Error('as a test');
        return new Uint8Array(0);
      },
    },
  };
  return { received, server: await serve(path(name), services) };
}

test("a host sends containerd the events of its own pod's containers, and no others", async () => {
  const annotations = { 'io.kubernetes.cri.sandbox-id': 'pod' };
  for (const name of ['game', 'theirs', 'pod']) mkdirSync(path('tasks', name), { recursive: true });
  writeFileSync(path('tasks/game/config.json'), JSON.stringify({ annotations }));
  const { received, server } = await containerd('containerd.ttrpc');
  for (const [kind, value] of [
    ['containerd', path('containerd.ttrpc')],
    ['namespace', 'k8s.io'],
    ['bundles', path('tasks')],
    ['sandbox', 'pod'],
  ] as const)
    await host.ask('grant', kind, value);
  await host.ask('seal');
  const send = (type: string, value: Uint8Array) =>
    host.ask('ask', 'event', type, '7', '8', Buffer.from(value).toString('hex'));
  const exit = (containerId: string, id: string) => encode('TaskExit', { containerId, id, pid: 1 });
  await expect(send('TaskStart', encode('TaskStart', { containerId: 'game' }))).rejects.toThrow('EACCES');
  await host.ask('ask', 'bundle', path('tasks/game/config.json'));

  await send('TaskStart', encode('TaskStart', { containerId: 'game', pid: 5 }));
  for (const id of ['pod', 'game', 'exec']) await send('TaskExit', exit('game', id));
  const delivered = ['game', 'pod', 'game', 'exec'].map((id, n) =>
    n === 0
      ? '7 8 k8s.io /tasks/start containerd.events.TaskStart game '
      : `7 8 k8s.io /tasks/exit containerd.events.TaskExit game ${id}`,
  );
  expect(received).toEqual(delivered);

  const own = encode('TaskExit', { containerId: 'game' });
  const other = encode('TaskExit', { containerId: 'theirs' });
  for (const [type, value] of [
    ['TaskExit', exit('theirs', 'theirs')],
    // containerd takes the id of a process for the one of a container.
    ['TaskExit', exit('game', 'theirs')],
    ['TaskExit', exit('game', '../theirs')],
    ['TaskDelete', encode('TaskDelete', { containerId: 'game', id: 'theirs' })],
    ['TaskOOM', encode('TaskOOM', { containerId: 'theirs' })],
    ['TaskStart', encode('TaskStart', { containerId: 'unknown' })],
  ] as const)
    await expect(send(type, value), type).rejects.toThrow('EACCES');
  const wrong: [string, Uint8Array][] = [
    ['ImageDelete', own],
    ['TaskExit', new Uint8Array(0)],
    // Two containers, of which the last or the first one counts.
    ['TaskExit', Buffer.concat([own, encode('TaskExit', { containerId: 'game' })])],
    ['TaskExit', Buffer.concat([own, other])],
    // The tag of the field in more bytes than necessary, another wire type, a group, and a field that is cut off.
    ['TaskExit', Buffer.concat([own, Buffer.from([0x8a, 0x00, 4]), Buffer.from('game')])],
    ['TaskExit', Buffer.from([0x08, 1])],
    ['TaskExit', Buffer.concat([own, Buffer.from([0x1b, 0x1c])])],
    ['TaskExit', own.subarray(0, -1)],
    ['TaskExit', Buffer.concat([own, Buffer.from([0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])])],
  ];
  for (const [type, value] of wrong)
    await expect(send(type, value), Buffer.from(value).toString('hex')).rejects.toThrow(/EINVAL|EACCES/);
  for (const words of [['TaskExit', '7', '8'], ['TaskExit', '7', '8', 'xy'], ['TaskExit', '-7', '8', ''], []])
    await expect(host.ask('ask', 'event', ...words)).rejects.toThrow('EINVAL');
  await expect(host.ask('ask', 'connect', 'containerd')).rejects.toThrow('EACCES');
  expect(received).toEqual(delivered);

  await expect(send('TaskExit', exit('game', 'refused'))).rejects.toThrow('EREMOTEIO');
  await server.close();
  await expect(send('TaskExit', exit('game', 'exec'))).rejects.toThrow(/ENOENT|ECONNREFUSED/);
});

test('a host whose containerd does not answer goes on, and sends one event at a time', async () => {
  const silent = createServer(() => {});
  silent.listen(path('silent.ttrpc'));
  mkdirSync(path('tasks'));
  await host.ask('grant', 'containerd', path('silent.ttrpc'));
  await host.ask('grant', 'bundles', path('tasks'));
  await host.ask('grant', 'container', 'own');
  const value = Buffer.from(encode('TaskOOM', { containerId: 'own' })).toString('hex');
  const answers = await host.ask<string[]>('askTwice', 'event', 'TaskOOM', '1', '1', value);
  expect(answers).toEqual(['ETIMEDOUT', 'EAGAIN']);
  silent.close();
}, 30_000);
