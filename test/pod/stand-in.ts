import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';

// Takes the place of the commands `host` and `keeper` of host/pod/main.ts. Files in the run folder make it misbehave:
// `crash` fails at start, `slow` does not become ready, `deaf` ignores SIGTERM, `brief` ends as soon as a pod takes it.
const run = must(process.env.NEARLIGHT_RUN_DIR, 'NEARLIGHT_RUN_DIR');
const ownStart = must(readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[19], 'start time');
/** A host goes by the id and the start time of its supervisor. */
const [pid = '', started = ''] = (process.env.NEARLIGHT_HOST ?? `${process.pid} ${ownStart}`).split(' ');
const isOn = (name: string) => existsSync(join(run, name));

if (process.argv[2] === 'keeper') {
  appendFileSync(join(run, 'keepers'), `${process.pid}\n`);
  writeFileSync(join(run, 'keeper.pid'), `${process.pid} ${started}\n`);
  setInterval(() => {}, 1000);
} else if (isOn('crash')) {
  process.stderr.write('no usable GPU\n');
  process.exitCode = 4;
} else if (isOn('slow')) {
  const timer = setInterval(() => {
    if (isOn('slow')) return;
    clearInterval(timer);
    listen();
  }, 10);
} else {
  listen();
}

function listen(): void {
  if (isOn('deaf')) process.on('SIGTERM', () => {});
  createServer(() => {}).listen(join(run, `host/${pid}.sock`), () => {
    writeFileSync(join(run, `warm/${pid}`), `${started}\n`);
    if (isOn('brief')) endWhenTaken();
  });
}

/** Ends as soon as a pod takes this host, and removes its files before the keeper can see that it was taken. */
function endWhenTaken(): void {
  const claim = join(run, `claim/${pid}`);
  const timer = setInterval(() => {
    if (!existsSync(claim)) return;
    clearInterval(timer);
    for (const folder of ['warm', 'claim']) rmSync(join(run, `${folder}/${pid}`));
    process.exit(42);
  }, 1);
}
