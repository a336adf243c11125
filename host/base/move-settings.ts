import type { Setting } from './setting.ts';

/** The settings of how players move between the games of this host, and to other hosts. */
export const moveSettings = {
  moveName: {
    env: 'MOVE_NAME',
    default: '',
    form: 'peerName',
    about: 'name of this host in MOVE_PEERS of the others; empty: players move between the games of this host only',
  },
  movePeers: {
    env: 'MOVE_PEERS',
    default: '',
    form: 'peers',
    about:
      "hosts to which players may move: NAME=URL|PAGES, separated by commas, where URL takes messages about moves (MOVE_PORT) and PAGES is the URL of the host's page for players",
  },
  moveKey: {
    env: 'MOVE_KEY',
    default: '',
    about: 'secret of at least 32 characters with which all hosts of MOVE_PEERS sign their messages',
  },
  movePort: {
    env: 'MOVE_PORT',
    default: 9465,
    min: 0,
    max: 65535,
    about: 'HTTP port for messages about moves, if MOVE_NAME is set; 0: any free port',
  },
  moveHost: { env: 'MOVE_HOST', default: '127.0.0.1', about: 'address of MOVE_PORT' },
  moveStepMsMax: {
    env: 'MOVE_STEP_MS_MAX',
    default: 300,
    min: 10,
    max: 10_000,
    about:
      'time limit for one step of a move; a message that got no answer is sent a second time, then the move is undone',
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
