/** Files that measure times or rates, or that keep the machine as busy as they can. No other file runs beside them. */
export const ALONE = [
  'test/bench/stages.test.ts',
  'test/e2e/strangers.test.ts',
  'test/player/sound.test.ts',
  'test/stream/browser.test.ts',
];

/**
 * Files that take longest, the longest first. They start before all others, or else one of them might run at the end with nothing
 * beside it.
 */
export const LONGEST = [
  'test/k3s/pods.test.ts',
  'test/cli/bare.test.ts',
  'test/pod/node/bundle.test.ts',
  'test/hostile/shader.test.ts',
  'test/k3s/node.test.ts',
  'test/play/vetting.test.ts',
  'test/bench/path/repairs.test.ts',
  'test/k3s/keeper.test.ts',
  'test/pod/keeper.test.ts',
  'test/player/states.test.ts',
  'test/player/tools.test.ts',
  'test/e2e/play.test.ts',
  'test/cli/main.test.ts',
  'test/e2e/cuts.test.ts',
  'test/cli/dev/dev.test.ts',
  'test/play/known.test.ts',
  'test/player/element.test.ts',
  'test/e2e/resume.test.ts',
  'test/e2e/output.test.ts',
  'test/hostile/room.test.ts',
  'test/engine/hostile.test.ts',
  'test/stream/strangers.test.ts',
];

/** Returns a file's place in the order of a run: LONGEST first, then all others alike. */
export function rankOf(path: string): number {
  const rank = LONGEST.findIndex((longest) => path.endsWith(longest));
  return rank < 0 ? LONGEST.length : rank;
}
