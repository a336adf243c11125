import { expect } from 'vitest';
import { Peer, until } from './peer.ts';

/**
 * Plays a game on an installed host as one player, and asks the host everything that an operator asks: the page, the probes,
 * the metrics and the status.
 * @param urls the URLs of the players' page and of the operator's port
 * @param game the name of the only room
 */
export async function playAndAsk(
  { url, operatorUrl }: { url: string; operatorUrl: string },
  game: string,
): Promise<void> {
  expect(await (await fetch(url)).text()).toContain('Nearlight');
  const peer = new Peer();
  await peer.join(url, { query: '?size=320x180&fps=30' });
  await until(() => peer.pictures > 20, 'pictures');
  for (const path of ['healthz', 'readyz']) expect((await fetch(`${operatorUrl}${path}`)).status, path).toBe(200);
  for (const path of ['healthz', 'readyz', 'metrics', 'status'])
    expect((await fetch(`${url}${path}`)).status, path).toBe(404);
  const metrics = await fetch(`${operatorUrl}metrics`);
  expect(metrics.status).toBe(200);
  expect(await metrics.text()).toMatch(/^nearlight_frames_encoded_total [1-9]/m);
  const { rooms } = (await (await fetch(`${operatorUrl}status`)).json()) as {
    rooms: { name: string; players: number }[];
  };
  expect(rooms.map(({ name, players }) => [name, players])).toEqual([[game, 1]]);
  peer.close();
}
