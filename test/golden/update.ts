import { copyFileSync } from 'node:fs';
import { draw, goldenPath } from './draw.ts';
import { scenes } from './scenes.ts';

const HELP = `Draws the pictures that the tests compare with, and overwrites them. Look at them before you commit them.

Usage: node test/golden/update.ts [SCENE ...]

  ${scenes.map(({ name }) => name).join('\n  ')}
`;

const names = process.argv.slice(2);
const unknown = names.filter((name) => !scenes.some((scene) => scene.name === name));
if (names.includes('--help')) process.stdout.write(HELP);
else if (unknown.length > 0) {
  process.stderr.write(`update: there is no scene ${unknown.join(', ')}; --help lists them\n`);
  process.exitCode = 2;
} else {
  for (const scene of scenes.filter(({ name }) => names.length === 0 || names.includes(name))) {
    copyFileSync(await draw(scene), goldenPath(scene));
    process.stdout.write(`${goldenPath(scene)}\n`);
  }
}
process.exit();
