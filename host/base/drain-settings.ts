import type { Setting } from './setting.ts';

/** The settings of how players leave a host that is to end. */
export const drainSettings = {
  drainSecondsMax: {
    env: 'DRAIN_SECONDS_MAX',
    default: 0,
    min: 0,
    max: 3600,
    about:
      'how long players play on after SIGTERM, at most until their round ends; then their pages go to another server by themselves; keep it below the grace period of whatever sends the signal; 0: end at once; in a pod: 25',
  },
  carryKey: {
    env: 'CARRY_KEY',
    default: '',
    about:
      "secret of at least 32 characters that all servers of a game share, with which players' states travel in their pages from one server to another; two with a comma between them while it changes, the newer one first; empty: players go without their states",
  },
  carryUrl: {
    env: 'CARRY_URL',
    default: '',
    form: 'url',
    about: 'URL to which pages go when this host ends, as of a page for players; empty: the address that they have',
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
