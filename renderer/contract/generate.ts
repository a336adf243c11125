/**
 * Writes the files that are generated from the contract: `node renderer/contract/generate.ts`. With `--check` it only
 * compares them, and exits with 1 if one is stale. A build tool that runs in Node.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from './commands.ts';
import { fieldsOf } from './field.ts';
import { document } from './generate/document.ts';
import { abi, encode, sdkEnums, sdkImports } from './generate/guest.ts';
import { decode } from './generate/host.ts';
import { ENUMS } from './values.ts';

const ROOT = new URL('../..', import.meta.url);

const OUTPUTS: Readonly<Record<string, (old: string) => string>> = {
  'renderer/contract/abi.ts': abi,
  'renderer/sdk/enums.ts': sdkEnums,
  'renderer/sdk/encode.ts': encode,
  'renderer/sdk/nearlight.ts': sdkImports,
  'host/gpu/decode.ts': decode,
  'renderer/contract/ABI.md': document,
};

/** Asserts that ids in commands are of kinds that exist, and that no two commands have the same opcode. */
function checkContract(): void {
  const kinds: readonly string[] = ENUMS.ObjectKind;
  for (const command of COMMANDS)
    for (const { name, type, of } of fieldsOf(command))
      if (['id', 'id?', 'new'].includes(type) && !kinds.includes(of))
        throw new Error(`${command.name}.${name}: there is no kind of object ${of}`);
  if (new Set(COMMANDS.map(({ opcode }) => opcode)).size !== COMMANDS.length)
    throw new Error('two commands of the contract have the same opcode');
}

function format(path: string, text: string): string {
  const biome = fileURLToPath(new URL('node_modules/@biomejs/biome/bin/biome', ROOT));
  const options = ['format', '--config-path=.biome.json', `--stdin-file-path=${path}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, ...options], {
    input: text,
    encoding: 'utf8',
    cwd: ROOT,
  });
  if (status !== 0) throw new Error(`${path}: ${stderr}`);
  return stdout;
}

function read(file: URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function generate(checkOnly: boolean): void {
  for (const [path, make] of Object.entries(OUTPUTS)) {
    const file = new URL(path, ROOT);
    const old = read(file);
    const text = make(old);
    const fresh = path.endsWith('.ts') ? format(path, text) : text;
    if (old === fresh) continue;
    if (checkOnly) {
      console.error(`${path} is stale: run \`node renderer/contract/generate.ts\``);
      process.exitCode = 1;
    } else {
      writeFileSync(file, fresh);
      console.log(`wrote ${path}`);
    }
  }
}

checkContract();
generate(process.argv.includes('--check'));
