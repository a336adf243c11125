import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

// Behaves as the program's own commands `pod` and `keeper` do towards the run folder, and as badly as files in it say.
const run = process.env.NEARLIGHT_RUN_DIR!;
const own = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')[19]!;
const told = (name: string) => existsSync(join(run, name));

if (process.argv[2] === 'keeper') {
  appendFileSync(join(run, 'keepers'), `${process.pid}\n`);
  writeFileSync(join(run, 'keeper.pid'), `${process.pid} ${own}\n`);
  setInterval(() => {}, 1000);
} else if (told('crash')) {
  process.stderr.write('no usable GPU\n');
  process.exitCode = 4;
} else {
  if (told('deaf')) process.on('SIGTERM', () => {});
  createServer(() => {}).listen(join(run, `host/${process.pid}.sock`), () => {
    writeFileSync(join(run, `warm/${process.pid}`), `${own}\n`);
    if (told('brief')) brief();
  });
}

/** A pod takes this host, and its game is over at once: nothing is left of it but its end. */
function brief(): void {
  const claim = join(run, `claim/${process.pid}`);
  const watch = setInterval(() => {
    if (!existsSync(claim)) return;
    clearInterval(watch);
    for (const folder of ['warm', 'claim']) rmSync(join(run, `${folder}/${process.pid}`));
    process.exit(42);
  }, 1);
}
