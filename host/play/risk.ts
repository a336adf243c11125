import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { RuleFiles } from '../edge/rules/files.ts';
import { PlayWatch, type WatchedPlayer } from '../edge/rules/play-watch.ts';
import { RiskRules } from '../edge/rules/rules.ts';
import type { Meters } from '../observe/meters.ts';
import type { Room } from '../room/room.ts';
import { createRuleEngine } from './rule-engine.ts';

const SECRET_BYTES = 32;

export interface RiskOptions {
  config: Config;
  log: Log;
  meters: Meters;
  /** Returns the rooms whose players the rules watch. */
  rooms(): readonly Room[];
  /** By default the system's clock. */
  clock?: Clock;
}

/** The risk rules of a host. */
export interface Risk {
  readonly rules: RiskRules;
  close(): Promise<void>;
}

/**
 * Opens the rules of RISK_RULES, watches their files, and lets those that decide during play watch the players.
 * @returns undefined if there are no rules
 * @throws NearlightError NL_RULE, NL_SETTING
 */
export async function openRisk({
  config,
  log,
  meters,
  rooms,
  clock = systemClock,
}: RiskOptions): Promise<Risk | undefined> {
  if (config.riskRules === '') return undefined;
  const files = await RuleFiles.open({ engine: createRuleEngine(config, log), clock, config, log });
  const rules = new RiskRules({
    rules: files.rules,
    clock,
    secret: randomBytes(SECRET_BYTES),
    wallClock: Date.now,
    onDecision: ({ rule, verdict, failure, ms }) => meters.countRuleDecision(rule, failure ? 'failed' : verdict, ms),
  });
  const watch = new PlayWatch({
    rules,
    players: () => (rules.watchesPlay ? rooms().flatMap(watchedPlayers) : []),
    intervalMs: config.riskPlayMs,
    log,
  });
  files.watch();
  watch.start();
  return {
    rules,
    async close() {
      await Promise.all([files.close(), watch.close()]);
      await rules.close();
    },
  };
}

/** Returns the players of a room. Only their input is known here, and not who they are. */
export function watchedPlayers(room: Pick<Room, 'name' | 'playing' | 'seats' | 'players'>): WatchedPlayer[] {
  return room.playing.flatMap((seat) => {
    const { statistics } = seat.input;
    if (!statistics) return [];
    return {
      session: seat,
      name: `${room.name}: seat ${seat.number}`,
      person: { role: 'player', address: '', seats: room.seats, players: room.players },
      take: () => statistics.take(),
      end: (code, message) => void seat.connection?.end(code, message, false),
    };
  });
}
