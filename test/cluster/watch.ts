import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { must } from '../../host/base/assert.ts';
import type { Cluster } from './cluster.ts';

/** Watches the pods of a namespace. */
export interface PodWatch {
  /** Resolves with the time at which this process has learned that a pod was ready, in milliseconds of `performance.now()`. */
  ready(name: string): Promise<number>;
  /** The pods that were ready, each with that time. */
  readonly all: ReadonlyMap<string, number>;
  close(): void;
}

/** An event of a watch, as far as it is read here. */
interface PodEvent {
  object: { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } };
}

/** Starts to watch the pods of a namespace; resolves when the API server has begun to answer. */
export async function watchPods(cluster: Cluster, namespace: string): Promise<PodWatch> {
  // kubectl knows how to prove to any cluster who asks.
  const proxy = spawn(cluster.program, ['--kubeconfig', cluster.kubeconfig, 'proxy', '--port=0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const all = new Map<string, number>();
  const abort = new AbortController();
  try {
    const [line] = (await proxy.stdout.take(1).toArray()) as [Buffer];
    const port = must(/:(\d+)\s*$/.exec(line.toString().trim())?.[1], 'port of kubectl proxy');
    const url = `http://127.0.0.1:${port}/api/v1/namespaces/${namespace}/pods?watch=1`;
    const { body } = await fetch(url, { signal: abort.signal });
    const answer = Readable.fromWeb(must(body, 'answer') as ReadableStream);
    const lines = createInterface(answer);
    // The end of the watch is an error for both.
    for (const stream of [answer, lines]) stream.on('error', () => {});
    lines.on('line', (text) => {
      const { metadata, status } = (JSON.parse(text) as PodEvent).object;
      const isReady = status?.conditions?.some(
        (condition) => condition.type === 'Ready' && condition.status === 'True',
      );
      if (isReady && !all.has(metadata.name)) all.set(metadata.name, performance.now());
    });
  } catch (error) {
    proxy.kill();
    throw error;
  }
  return {
    all,
    ready: (name) => cluster.until(() => all.get(name), `the pod ${name}: it is not ready`),
    close() {
      abort.abort();
      proxy.kill();
    },
  };
}
