/** Asks a host for join tickets at a fixed rate, whether or not it answers. A process of its own, so that it does not slow the host. */
import { Agent, request } from 'node:http';
import { must } from '../../host/base/assert.ts';

/** One request: a player's token, and the address that the player comes from. */
export interface Ask {
  token: string;
  client: string;
  isHonest: boolean;
}

export interface Load {
  url: string;
  perSecond: number;
  asks: Ask[];
}

export interface Answer {
  isHonest: boolean;
  /** HTTP status, or 0 if there was no answer. */
  status: number;
  code: string;
  /** Time from when the request was due to its answer, so that a host that falls behind shows. */
  ms: number;
}

const CONNECTIONS = 64;
const STEP_MS = 1;

if (import.meta.main) process.once('message', (load: Load) => void run(load));

async function run({ url, perSecond, asks }: Load): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const answers: Promise<Answer>[] = [];
  const begun = performance.now();
  while (answers.length < asks.length) {
    const due = Math.min(asks.length, Math.floor(((performance.now() - begun) / 1000) * perSecond));
    while (answers.length < due) {
      const at = begun + ((answers.length + 1) / perSecond) * 1000;
      answers.push(ask(`${url}whep/ticket`, agent, must(asks[answers.length], 'request'), at));
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  const all = await Promise.all(answers);
  agent.destroy();
  // The channel is closed when the message, which is large, has been written.
  process.send?.({ answers: all, seconds: (performance.now() - begun) / 1000 }, undefined, {}, () =>
    process.disconnect?.(),
  );
}

/** Asks for a join ticket. @param at when the request is due */
export function ask(url: string, agent: Agent, { token, client, isHonest }: Ask, at: number): Promise<Answer> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': client, 'content-length': 0 };
    const done = (status: number, text: string) => {
      const code = status === 201 ? '' : (/"code":"(\w+)"/.exec(text)?.[1] ?? text);
      resolve({ isHonest, status, code, ms: performance.now() - at });
    };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => done(response.statusCode ?? 0, text));
    });
    sent.on('error', ({ message }) => done(0, message));
    sent.end();
  });
}
