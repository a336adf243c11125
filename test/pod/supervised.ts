import { join } from 'node:path';
import { supervisorPath } from '../../host/pod/native.ts';
import { LineProgram } from './line-program.ts';

const PROGRAM = join(import.meta.dirname, 'supervised-host.ts');

/** A supervisor whose host runs supervised-host.ts. */
export class Supervised extends LineProgram {
  constructor(runDir: string) {
    super(supervisorPath, [process.execPath, PROGRAM, 'host'], { NEARLIGHT_RUN_DIR: runDir });
  }
}
