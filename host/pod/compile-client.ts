import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import type { Compilation } from './compilations.ts';

/** Headers of requests to the keeper and of its answers. */
export const HEADERS = {
  /** Describes the compiler that the caller's guest program fits. */
  identity: 'nearlight-compiler',
  cached: 'nearlight-cached',
  cpuMs: 'nearlight-cpu-ms',
  waitedMs: 'nearlight-waited-ms',
} as const;

/**
 * How long a host process waits for the keeper to compile a module, time in the queue included. After that it compiles the
 * module itself.
 */
const ANSWER_MS_MAX = 150_000;
/** Pause before a request that the keeper has refused for now is sent again. */
const RETRY_MS = 500;
const UNPROCESSABLE = 422;
const TRY_AGAIN = 429;

/** Native code from the keeper. */
export interface RemoteCompilation extends Compilation {
  /** Whether the keeper had the code in its cache. */
  isCached: boolean;
}

export interface CompileClientOptions {
  socket: string;
  answerMsMax?: number;
  retryMs?: number;
}

/** Asks the keeper for native code. Keeps its connection open, because the start of a pod waits for the answer. */
export class CompileClient {
  readonly #options: CompileClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1 });

  constructor(options: CompileClientOptions) {
    this.#options = options;
  }

  /**
   * Asks for the native code of a module.
   * @param identity describes the compiler whose code is wanted
   * @returns undefined if no keeper answers, or if the keeper has a problem of its own
   * @throws NearlightError what is wrong with the module, according to the compiler
   */
  async compile(module: Uint8Array, identity: string): Promise<RemoteCompilation | undefined> {
    const { answerMsMax = ANSWER_MS_MAX, retryMs = RETRY_MS } = this.#options;
    const signal = AbortSignal.timeout(answerMsMax);
    for (;;) {
      const answer = await this.#post(module, identity, signal);
      if (!answer) return undefined;
      if (answer.status === UNPROCESSABLE) throw refusal(answer.body);
      if (answer.status === 200) return compilation(answer);
      if (answer.status !== TRY_AGAIN) return undefined;
      // Pauses of random length keep pods that started together from asking together again.
      if (await sleep(retryMs * (0.5 + Math.random()), false, { signal }).catch(() => true)) return undefined;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Sends the request, and once more if the connection that was kept open has ended meanwhile. */
  async #post(module: Uint8Array, identity: string, signal: AbortSignal): Promise<Answer | undefined> {
    for (;;) {
      const outgoing = request({
        socketPath: this.#options.socket,
        agent: this.#agent,
        path: '/compile',
        method: 'POST',
        headers: { 'content-length': module.length, [HEADERS.identity]: identity },
        signal,
      });
      try {
        outgoing.end(module);
        const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
        return {
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(await response.toArray()),
        };
      } catch {
        if (!outgoing.reusedSocket || signal.aborted) return undefined;
      }
    }
  }
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

function compilation({ headers, body }: Answer): RemoteCompilation {
  return {
    code: body,
    isCached: headers[HEADERS.cached] === 'true',
    cpuMs: Number(headers[HEADERS.cpuMs] ?? 0),
    waitedMs: Number(headers[HEADERS.waitedMs] ?? 0),
  };
}

function refusal(body: Buffer): NearlightError {
  const { code, message } = JSON.parse(body.toString()) as { code: ErrorCode; message: string };
  return new NearlightError(Object.hasOwn(errors, code) ? code : 'NL_COMPILE', message);
}
