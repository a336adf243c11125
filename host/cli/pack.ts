import { writeFile } from 'node:fs/promises';
import { packModel } from '../../assets/packer/packer.ts';
import { formatReport } from '../../assets/report.ts';
import { isSoundFile, packSound, type SoundOptions } from '../../assets/sound/packer.ts';
import { readArguments } from '../base/arguments.ts';
import { NearlightError } from '../base/errors.ts';

const HELP = `Packs a file for the assets of a game. A glTF model becomes one file whose blocks games copy to the GPU as they are
(renderer/contract/pack.ts), and a sound one that games read with loadSound (renderer/contract/sound.ts).

Usage: npm start -- pack FILE.glb|FILE.gltf [options]
       npm start -- pack FILE.wav|FILE.ogg|FILE.mp3 [options]

Options:
  -o, --out FILE     where to write it (default: the name of the file with .nlmd or .nlsd)
  --texture-max N    of a model: maximum width and height of a texture in pixels, 4 to 8192 (default: 2048)
  --rate N           of a sound: frames a second, 24000 or 48000 (default: 48000)
  --mono             of a sound: mix both channels to one, for a sound with a place in the world
  --loop             of a sound: begin again at the end
  -h, --help         this text
`;

const SIDE_MIN = 4;
const SIDE_MAX = 8192;

/** @throws NearlightError NL_USAGE, NL_MODEL, NL_SOUND */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [file, ...others] = positionals;
  if (file === undefined || others.length > 0)
    throw new NearlightError('NL_USAGE', 'give one model or sound; --help lists the kinds of files and the options');
  if (isSoundFile(file)) return runSound(file, values);
  for (const option of ['rate', 'mono', 'loop'] as const)
    if (values[option] !== undefined) throw new NearlightError('NL_USAGE', `a model has no --${option}`);
  const out = values.out ?? `${file.replace(/\.(glb|gltf)$/i, '')}.nlmd`;
  const { bytes, report, warnings } = await packModel(file, {
    ...(values['texture-max'] === undefined ? {} : { textureSideMax: readSide(values['texture-max']) }),
    onProgress,
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  for (const line of warnings) process.stderr.write(`warning: ${line}\n`);
  await write(out, bytes);
  process.stdout.write(`${formatReport(report).join('\n')}\n${out}\n`);
  return 0;
}

async function runSound(file: string, values: ReturnType<typeof parse>['values']): Promise<number> {
  if (values['texture-max'] !== undefined) throw new NearlightError('NL_USAGE', 'a sound has no --texture-max');
  const out = values.out ?? `${file.replace(/\.\w+$/, '')}.nlsd`;
  const rate = readRate(values.rate ?? '48000');
  const { bytes, frames, channels, clipped } = await packSound(file, {
    rate,
    mono: values.mono ?? false,
    loop: values.loop ?? false,
  });
  if (clipped > 0) process.stderr.write(`warning: ${clipped} samples are too loud and were clipped\n`);
  await write(out, bytes);
  const what = `${(frames / rate).toFixed(2)} s, ${channels === 2 ? 'stereo' : 'mono'}, ${(bytes.length / 1000).toFixed(1)} kB`;
  process.stdout.write(`${what}\n${out}\n`);
  return 0;
}

async function write(out: string, bytes: Uint8Array): Promise<void> {
  await writeFile(out, bytes).catch((cause: NodeJS.ErrnoException) => {
    throw new NearlightError('NL_USAGE', `${out} cannot be written: ${cause.code}`, { cause });
  });
}

function readRate(text: string): SoundOptions['rate'] {
  if (text !== '24000' && text !== '48000')
    throw new NearlightError('NL_USAGE', `--rate ${text} is neither 24000 nor 48000`);
  return text === '24000' ? 24_000 : 48_000;
}

function onProgress(step: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${step}` : `${step}\n`);
}

function readSide(text: string): number {
  const side = Number(text);
  if (!Number.isInteger(side) || side < SIDE_MIN || side > SIDE_MAX)
    throw new NearlightError('NL_USAGE', `--texture-max ${text} is not a whole number from ${SIDE_MIN} to ${SIDE_MAX}`);
  return side;
}

function parse(args: string[]) {
  const options = {
    out: { type: 'string', short: 'o' },
    'texture-max': { type: 'string' },
    rate: { type: 'string' },
    mono: { type: 'boolean' },
    loop: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  return readArguments(args, options, '--help');
}
