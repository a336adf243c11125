import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { installed } from './installed.ts';

/** The pictures and the sound that a program received from a WHEP stream, and the answers to its requests. */
export interface Watched {
  error: string | null;
  statuses: [method: string, status: number][];
  pictures: number;
  /** Pictures after the first two seconds, and the seconds that they took. */
  picturesLater: number;
  seconds: number;
  longestGapMs: number | null;
  /** Number of gaps of more than 100 ms. */
  freezes: number;
  size: [width: number, height: number] | null;
  /** Number of frames of sound at 48 kHz. */
  soundFrames: number;
  /** Seconds between its first and its last frame. */
  soundSeconds: number;
  /** The loudest sample, at most 32,767. */
  loudest: number;
  /** Number of frames of which a video packet came. Those that are whole become pictures. */
  frames: number;
  /** The same after the first two seconds, until the last picture. */
  framesLater: number;
  /** Number of video packets that came. */
  packets: number;
  /** Number of video packets that were missing at first, and came when the program had asked for them. */
  packetsRepaired: number;
  /** Number of video packets that never came, or too late. */
  packetsLost: number;
}

/** Watches a WHEP stream for some seconds. `enter` are words that enter another machine. */
export type Watcher = (url: string, seconds: number, enter?: readonly string[]) => Promise<Watched>;

/** Debian's Python has the bindings of GStreamer. */
export const gstreamer: Watcher = (...args) => watch('/usr/bin/python3', 'gstreamer.py', args);

export const aiortc: Watcher = (...args) =>
  watch(join(installed('python', 'aiortc', '1.16.0'), 'bin/python'), 'aiortc_watch.py', args);

async function watch(
  python: string,
  script: string,
  [url, seconds, enter = []]: Parameters<Watcher>,
): Promise<Watched> {
  const [program, ...args] = [...enter, python, join(import.meta.dirname, script), url, String(seconds)];
  const child = spawn(must(program, 'program'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await once(child, 'close');
  const line = output.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) throw new Error(`${script} failed: ${errors.slice(-4000)}`);
  return JSON.parse(line) as Watched;
}
