import { PassThrough } from 'node:stream';
import { LAYERS, maskOf } from '../../host/base/layers.ts';
import type { Report, Request } from '../../host/play/vet/messages.ts';
import type { StartTrial } from '../../host/play/vet/process.ts';

export interface StandInOptions {
  /** The identity of its GPU's driver. */
  identity: string;
  /** The layers that confine it; by default all. */
  layers?: number;
  /** Returns its report on a trial, or undefined if the trial does not end; by default every shader is harmless. */
  report?(request: Request): Report | undefined;
  started?(): void;
  killed?(): void;
}

/** Takes the place of the process that tries shaders. */
export function standIn(options: StandInOptions): StartTrial {
  const { identity, layers = maskOf(LAYERS), report = () => HARMLESS } = options;
  return async (_limits, ended) => {
    options.started?.();
    const [stdin, stdout] = [new PassThrough(), new PassThrough()];
    const send = (message: object) => void stdout.write(`${JSON.stringify(message)}\n`);
    stdin.setEncoding('utf8').on('data', (text: string) => {
      const answer = report(JSON.parse(text) as Request);
      if (answer) send(answer);
    });
    setImmediate(send, { identity, pid: process.pid, layers });
    let isKilled = false;
    const kill = () => {
      if (!isKilled) options.killed?.();
      isKilled = true;
      ended('SIGKILL');
    };
    return { stdin, stdout, stderr: null, kill };
  };
}

export const HARMLESS: Report = { outcome: 'harmless', blockedMs: 0, usedMs: 0 };
