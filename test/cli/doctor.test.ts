import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { maskOf } from '../../host/base/layers.ts';
import { describeLayers, findNode, findPort, formatFindings } from '../../host/cli/doctor.ts';

test('Node 24 and later are accepted', () => {
  expect(findNode('24.0.0').state).toBe('ok');
  expect(findNode('23.11.0')).toMatchObject({ state: 'wrong', advice: expect.stringContaining('npm start') });
});

test('a port in use is reported, and a free one accepted', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  expect(await findPort({ host: '127.0.0.1', port })).toMatchObject({
    state: 'wrong',
    text: expect.stringContaining('in use'),
  });
  await new Promise((resolve) => server.close(resolve));
  expect(await findPort({ host: '127.0.0.1', port })).toMatchObject({ state: 'ok' });
});

test('the advice on a finding is printed below it', () => {
  const text = formatFindings([
    { name: 'Node', state: 'ok', text: '24.9.0' },
    { name: 'GPU', state: 'wrong', text: 'none\nat all', advice: 'buy one' },
  ]);
  expect(text.split('\n')).toEqual([
    'ok       Node      24.9.0',
    'wrong    GPU       none',
    '                   at all',
    '                   -> buy one',
    '',
  ]);
});

test('each layer of confinement has a line, and a missing one is wrong only if it is required', () => {
  const held = maskOf(['seccomp', 'limits']);
  const findings = describeLayers(held, 'seccomp,noNewPrivileges');
  expect(findings.map(({ state }) => state)).toEqual(['warning', 'warning', 'warning', 'warning', 'wrong', 'ok', 'ok']);
  expect(findings[2]).toMatchObject({
    text: 'no emptyRoot: modules run without it, except in pods',
    advice: expect.stringContaining('user.max_user_namespaces'),
  });
  expect(describeLayers(held, 'none').some(({ state }) => state === 'wrong')).toBe(false);
});
