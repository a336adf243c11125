import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
/** The programs that the tests start, and the Debian packages that have them. */
const PROGRAMS = {
  nginx: 'nginx-light',
  turnserver: 'coturn',
  openssl: 'openssl',
  'firefox-esr': 'firefox-esr',
  nft: 'nftables',
  ip: 'iproute2',
  'gst-inspect-1.0': 'gstreamer1.0-tools',
};
/** Parts of GStreamer that the tests use, as imports of Debian's Python or as elements, and the packages that have them. */
const GSTREAMER = {
  webrtcbin: 'gstreamer1.0-plugins-bad',
  nicesrc: 'gstreamer1.0-nice',
  rtph264depay: 'gstreamer1.0-plugins-good',
  avdec_h264: 'gstreamer1.0-libav',
};
const PYTHON = {
  "gi; gi.require_version('GstWebRTC', '1.0')": 'gir1.2-gst-plugins-bad-1.0 python3-gst-1.0',
  venv: 'python3-venv',
};

const HELP = `Plays and watches through proxies (nginx, Envoy), a TURN server (coturn), networks that lose packets and are cut,
in Firefox, with GStreamer and with a WHEP client of npm.

Usage: npm run test:doors [-- PATH ...]

PATH selects files, as in: npm run test:doors -- test/doors/door-proxy.test.ts
Needs the programs above and root, and is not part of npm test. Installs Envoy and the WHEP client into a cache folder when it
runs first. Takes about ten minutes.
`;

const succeeds = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

/** Returns the Debian packages that are missing. */
function missingPackages(): string[] {
  const missing = [
    ...Object.entries(PROGRAMS).filter(([name]) => !succeeds('which', name)),
    // The option --exists also wants plugins to have a version of at least GStreamer's own, which that of libnice does not.
    ...Object.entries(GSTREAMER).filter(([name]) => !succeeds('gst-inspect-1.0', name)),
    ...Object.entries(PYTHON).filter(([name]) => !succeeds('/usr/bin/python3', '-c', `import ${name}`)),
  ];
  return [...new Set(missing.flatMap(([, packages]) => packages.split(' ')))];
}

function main(args: string[]): void {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  const missing = missingPackages();
  if (missing.length > 0) {
    const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
    process.stderr.write(`test:doors: programs are missing; install them with: ${command}\n`);
    process.exitCode = 1;
    return;
  }
  if (spawnSync(process.execPath, ['host/cli/main.ts', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) {
    process.exitCode = 1;
    return;
  }
  const options = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/doors/vitest.config.ts', ...args];
  spawn(process.execPath, options, { cwd: root, stdio: 'inherit' }).on('exit', (status) => {
    process.exitCode = status ?? 1;
  });
}

main(process.argv.slice(2));
