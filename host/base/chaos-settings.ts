import type { Setting } from './setting.ts';

/** The settings of injected faults and of protection against pressure (host/edge/EDGE.md). */
export const chaosSettings = {
  chaos: {
    env: 'CHAOS',
    default: 'off',
    form: 'switch',
    about: "on: faults can be injected at the operators' port, /faults; for experiments",
  },
  burstJoinsPerSecond: {
    env: 'BURST_JOINS_PER_SECOND',
    default: 400,
    min: 1,
    max: 1_000_000,
    about: 'joins per second from which a burst of match-making is recognised; it ends below half of that',
  },
  burstJoinsWaitingMax: {
    env: 'BURST_JOINS_WAITING_MAX',
    default: 1024,
    min: 1,
    max: 65_536,
    about: 'joins that may be decided or wait for a decision at a time during a burst; further pages try again later',
  },
  burstMovesPerSecond: {
    env: 'BURST_MOVES_PER_SECOND',
    default: 600,
    min: 1,
    max: 1_000_000,
    about:
      'players per second who move between rooms or hosts from which many moves are recognised; it ends below half of that',
  },
  burstMovesWaitingMax: {
    env: 'BURST_MOVES_WAITING_MAX',
    default: 4096,
    min: 1,
    max: 65_536,
    about: 'moves that may be on their way at a time while there are many; further ones are refused',
  },
  burstChatPerSecond: {
    env: 'BURST_CHAT_PER_SECOND',
    default: 2000,
    min: 1,
    max: 1_000_000,
    about: 'messages per second between rooms from which a flood is recognised; it ends below half of that',
  },
  burstBusQueueMax: {
    env: 'BURST_BUS_QUEUE_MAX',
    default: 64,
    min: 1,
    max: 65_536,
    about: 'like BUS_QUEUE_MAX, during a flood of messages',
  },
  burstResultsPerSecond: {
    env: 'BURST_RESULTS_PER_SECOND',
    default: 200,
    min: 1,
    max: 1_000_000,
    about: 'match results per second from which the store works strictly; it ends below half of that',
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
