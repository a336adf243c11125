import { expect, test } from 'vitest';
import { HostLog } from '../../host/pod/host-log.ts';
import { Task } from '../../host/pod/task.ts';

const LINES_MAX = 100;

function rig() {
  const onNode: string[] = [];
  const log = new HostLog((level, message) => onNode.push(`${level} ${message}`));
  const container = (id: string) => {
    const lines: { level: string; message: string; source: string; room?: string }[] = [];
    const task = new Task(
      { id, execId: '', bundle: '', pid: 1 },
      { stdin: '', stdout: '', stderr: '', terminal: false },
    );
    task.stdout = { write: (text) => lines.push(JSON.parse(`${text}`)), close() {} };
    return { task, lines };
  };
  return { onNode, log, container };
}

test('lines of the host are in the log of the pod, marked, and those from before the pod are not', () => {
  const { onNode, log, container } = rig();
  log.log('info', 'starts');
  log.begin();
  log.log('warn', 'no resolv.conf');
  const { task, lines } = container('game');
  log.attach(task);
  log.log('error', 'the GPU is lost', { room: 'arena' });
  log.log('debug', 'detail');
  expect(onNode).toEqual(['info starts', 'warn no resolv.conf', 'error the GPU is lost', 'debug detail']);
  expect(lines).toMatchObject([
    { level: 'warn', message: 'no resolv.conf', source: 'host' },
    { level: 'error', message: 'the GPU is lost', source: 'host', room: 'arena' },
  ]);
});

test('lines wait for the next container when one has ended, as many as may wait', async () => {
  const { log, container } = rig();
  log.begin();
  const [first, second] = [container('first'), container('second')];
  log.attach(first.task);
  first.task.end(0);
  await first.task.ended;
  for (let n = 0; n <= LINES_MAX; n++) log.log('info', `${n}`);
  log.attach(second.task);
  expect(first.lines).toEqual([]);
  expect(second.lines.map(({ message }) => Number(message))).toEqual(
    Array.from({ length: LINES_MAX }, (_, n) => n + 1),
  );
});
