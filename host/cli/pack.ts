import { writeFile } from 'node:fs/promises';
import { packModel } from '../../assets/packer/packer.ts';
import { formatReport } from '../../assets/report.ts';
import { readArguments } from '../base/arguments.ts';
import { NearlightError } from '../base/errors.ts';

const HELP = `Packs a glTF model into one file, whose blocks games copy to the GPU as they are (renderer/contract/pack.ts).

Usage: npm start -- pack FILE.glb|FILE.gltf [options]

Options:
  -o, --out FILE     where to write it (default: the model's name with .nlmd)
  --texture-max N    maximum width and height of a texture in pixels, 4 to 8192 (default: 2048)
  -h, --help         this text
`;

const SIDE_MIN = 4;
const SIDE_MAX = 8192;

/** @throws NearlightError NL_USAGE, NL_MODEL */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [file, ...others] = positionals;
  if (file === undefined || others.length > 0)
    throw new NearlightError('NL_USAGE', 'give one model, a .glb or .gltf file; --help lists the options');
  const out = values.out ?? `${file.replace(/\.(glb|gltf)$/i, '')}.nlmd`;
  const { bytes, report, warnings } = await packModel(file, {
    ...(values['texture-max'] === undefined ? {} : { textureSideMax: readSide(values['texture-max']) }),
    onProgress,
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  for (const line of warnings) process.stderr.write(`warning: ${line}\n`);
  await writeFile(out, bytes).catch((cause: NodeJS.ErrnoException) => {
    throw new NearlightError('NL_USAGE', `${out} cannot be written: ${cause.code}`, { cause });
  });
  process.stdout.write(`${formatReport(report).join('\n')}\n${out}\n`);
  return 0;
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
    help: { type: 'boolean', short: 'h' },
  } as const;
  return readArguments(args, options, '--help');
}
