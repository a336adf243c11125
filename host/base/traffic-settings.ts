import type { Setting } from './setting.ts';

/** The settings that govern the input of players (host/ARCHITECTURE.md, "How input is governed"). */
export const trafficSettings = {
  inputRateMax: {
    env: 'INPUT_RATE_MAX',
    default: 4000,
    min: 100,
    max: 100_000,
    about: "limit on the messages per second from a player's page; further ones are dropped unread",
  },
  inputTokensPerSecond: {
    env: 'INPUT_TOKENS_PER_SECOND',
    default: 50,
    min: 1,
    max: 10_000,
    about: 'presses of keys and buttons per second that a player may make for long, at equal weights (token bucket)',
  },
  inputTokensMax: {
    env: 'INPUT_TOKENS_MAX',
    default: 100,
    min: 1,
    max: 10_000,
    about: 'presses of keys and buttons that a player may make at once (capacity of the token bucket)',
  },
  inputLeaksPerSecond: {
    env: 'INPUT_LEAKS_PER_SECOND',
    default: 30,
    min: 1,
    max: 10_000,
    about:
      'messages per second about pointer, sticks and held keys that count one by one, at equal weights (leaky bucket); of further ones, the game gets the newest when it reads its input',
  },
  inputCalmPercent: {
    env: 'INPUT_CALM_PERCENT',
    default: 30,
    min: 1,
    max: 99,
    about: 'weight of the token bucket in percent while a game is calm; the leaky bucket has the rest',
  },
  inputFightPercent: {
    env: 'INPUT_FIGHT_PERCENT',
    default: 85,
    min: 1,
    max: 99,
    about: 'weight of the token bucket in percent during a team fight; the leaky bucket has the rest',
  },
  fightActionsPerSecond: {
    env: 'FIGHT_ACTIONS_PER_SECOND',
    default: 12,
    min: 1,
    max: 10_000,
    about: 'presses per second of all players of a game above which a team fight begins; it ends below half of that',
  },
  fightFramesMin: {
    env: 'FIGHT_FRAMES_MIN',
    default: 3,
    min: 1,
    max: 1000,
    about:
      'consecutive simulation steps above FIGHT_ACTIONS_PER_SECOND, or below half of it, that change the situation',
  },
  inputWarmPercent: {
    env: 'INPUT_WARM_PERCENT',
    default: 10,
    min: 1,
    max: 100,
    about: 'share of both buckets, in percent, that a page has while it is hidden',
  },
  inputDropsMax: {
    env: 'INPUT_DROPS_MAX',
    default: 500,
    min: 1,
    max: 100_000,
    about:
      "limit on the dropped presses and messages of a player's page before its connection ends; INPUT_TOKENS_PER_SECOND of them are forgiven each second",
  },
  endpointRules: {
    env: 'ENDPOINT_RULES',
    default: '',
    about:
      'file with limits for joins, join tickets, the queue and the services that they reach (host/DEPENDENCIES.md), which applies as soon as it changes; empty: none',
  },
} as const satisfies Record<string, Setting<number | string>>;
