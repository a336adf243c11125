/** The thread that holds the store, because SQLite blocks its thread while the disk writes. */
import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../../base/assert.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { Committer } from './committer.ts';
import type { FromThread, Reply, Request, ThreadOptions, ToThread } from './messages.ts';

const port = must(parentPort, 'parent thread');
const send = (message: FromThread) => port.postMessage(message);
const log: Log = (level, message) => send({ kind: 'log', level, message });

function open(): Committer | undefined {
  try {
    return new Committer(workerData as ThreadOptions, log);
  } catch (error) {
    const { code, detail } =
      error instanceof NearlightError ? error : new NearlightError('NL_STORE', (error as Error).message);
    send({ kind: 'failed', code, detail });
    return undefined;
  }
}

/** Serves calls. Those that arrive while the disk writes share the next transaction. */
function serve(committer: Committer): void {
  let waiting: Request[] = [];
  const answer = (to: 'calls' | 'tend', replies: Reply[]) =>
    send({ kind: 'replies', to, replies, figures: committer.figures, commitMs: committer.takeCommitMs() });
  const flush = () => {
    const calls = waiting;
    waiting = [];
    if (calls.length > 0) answer('calls', committer.commit(calls));
  };
  port.on('message', (message: ToThread) => {
    if (message.kind === 'calls') {
      // All messages that have arrived are read before the callbacks of setImmediate run.
      if (waiting.length === 0) setImmediate(flush);
      waiting.push(...message.calls);
      return;
    }
    flush();
    if (message.kind === 'full') committer.pretendFull(message.isFull);
    else if (message.kind === 'strict') committer.isStrict = message.isStrict;
    else if (message.kind === 'tend') answer('tend', committer.tend());
    else {
      send({ kind: 'closed', replies: committer.close() });
      port.close();
    }
  });
  send({ kind: 'ready', figures: committer.figures });
}

const committer = open();
if (committer) serve(committer);
else port.close();
