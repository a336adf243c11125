/** Asks a host for join tickets in phases. A process of its own, so that it does not slow the host. */
import { Agent } from 'node:http';
import { must } from '../../../host/base/assert.ts';
import { type Ask, ask } from '../admission-load.ts';
import { offer, type Phase } from './load.ts';

export interface JoinLoad {
  url: string;
  phases: Phase[];
  asks: Ask[];
}

const CONNECTIONS = 64;

process.once('message', async ({ url, phases, asks }: JoinLoad) => {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const offered = await offer(phases, async (index) => {
    const { status, code } = await ask(`${url}whep/ticket`, agent, must(asks[index % asks.length], 'request'), 0);
    if (status !== 201) throw Object.assign(new Error(code), { code: `${status} ${code}` });
  });
  agent.destroy();
  // The channel is closed when the message, which is large, has been written.
  process.send?.(offered, undefined, {}, () => process.disconnect?.());
});
