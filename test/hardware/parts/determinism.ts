import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createReplayFor } from '../../../host/play/launch.ts';
import { makeCall } from '../../../host/session/replay.ts';
import { createStill } from '../../../host/video/snapshot.ts';
import { countColours, readTexture } from '../../golden/ports.ts';
import { script } from '../../session/script.ts';
import { BUILD, createLaunch, DATA, open, readGame, SEATS, TICK_RATE } from '../game.ts';
import type { Reporter } from '../report.ts';
import { hashScripted, SEEDS } from '../session.ts';

const SECONDS = 6;
const GAMES = ['arena', 'boids', 'skin'];
/** Two sessions of a game are compared only if this much time is left for the part. */
const STEP_SECONDS = 6;

export async function run(report: Reporter): Promise<void> {
  await compareCommands(report);
  for (const game of GAMES) {
    if (!report.fits(`pictures of ${game}`, STEP_SECONDS)) continue;
    const [first, second] = [await play(game), await play(game)];
    const differing = first.hashes.filter((hash, at) => hash !== second.hashes[at]).length;
    const ok = differing === 0 && first.hashes.length === second.hashes.length && first.colours > 1;
    report.check(
      `${game} twice, each on a device of its own`,
      ok,
      `${differing} of ${first.hashes.length} pictures differ`,
    );
    report.facts({ [`${game} pictures`]: createHash('sha256').update(first.hashes.join()).digest('hex') });
  }
}

/**
 * Checks whether the processor of this machine computes the same commands as that of the machine that made the hardware pack.
 */
async function compareCommands(report: Reporter): Promise<void> {
  const expected = JSON.parse(readFileSync(join(DATA, 'expected.json'), 'utf8')) as Record<string, string>;
  const arena = readGame(join(BUILD, 'arena'));
  const different: number[] = [];
  for (const seed of SEEDS) if ((await hashScripted(arena, seed)) !== expected[seed]) different.push(seed);
  const detail =
    different.length > 0 ? `different: seeds ${different.join(', ')}` : `${SEEDS.length} sessions are equal`;
  report.check('the arena sends the commands that it sent where the pack was made', different.length === 0, detail);
}

/** Plays a scripted session on a GPU device of its own. Returns the hash of each picture, and the most colours that one has. */
async function play(game: string): Promise<{ hashes: string[]; colours: number }> {
  const gpu = await open();
  const launcher = createLaunch({ gpu, playable: readGame(join(BUILD, game)) });
  const instance = await launcher.createInstance();
  const replay = createReplayFor(instance, launcher);
  replay.run(instance.initial);
  const hashes: string[] = [];
  let colours = 0;
  for (const asked of script({ seed: 7, ticks: SECONDS * TICK_RATE, seats: SEATS })) {
    const submission = await makeCall(instance, asked);
    if (!submission) continue;
    if (asked.kind !== 'render') {
      replay.run(submission);
      continue;
    }
    const texture = createStill(gpu.device, asked);
    replay.run(submission, { texture, view: texture.createView() });
    const image = await readTexture(gpu.device, texture);
    hashes.push(hashOf(image.pixels));
    colours = Math.max(colours, countColours(image));
    texture.destroy();
  }
  replay.destroy();
  await instance.close();
  gpu.close();
  return { hashes, colours };
}

function hashOf(pixels: Uint8Array): string {
  return createHash('sha256').update(pixels).digest('hex');
}
