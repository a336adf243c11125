import { randomBytes } from 'node:crypto';
import type { RiskRules } from '../edge/admission/risk.ts';
import { KEY_BYTES, type TicketStore } from '../edge/admission/ticket-store.ts';
import type { PersonFacts } from '../edge/rules/facts.ts';
import type { RiskResult } from '../edge/rules/rules.ts';
import type { EdgeStore } from '../edge/store/store.ts';

const KEY_NAME = 'join-tickets';
/** A node signs with the same key for this long. Tickets live for seconds, so only those of that moment become invalid. */
const KEY_MS = 365 * 24 * 3_600_000;
const ROLES = { join: 'player', watch: 'spectator', return: 'returning' } as const;

/** Keeps the key of join tickets, and which were used, in a store that outlives the host. */
export function ticketsIn(
  store: Pick<EdgeStore, 'getCached' | 'putCached' | 'takeTicket'>,
  now = Date.now,
): TicketStore {
  return {
    async key() {
      const kept = await store.getCached({ name: KEY_NAME, now: now() });
      if (kept) return kept.value;
      const value = randomBytes(KEY_BYTES);
      await store.putCached({ name: KEY_NAME, kind: 'key', value, storedAt: now(), expiresAt: now() + KEY_MS });
      return value;
    },
    use: (id, expiresAt) => store.takeTicket({ id, usedAt: now(), expiresAt }),
  };
}

export interface JoinRulesOptions {
  rules: { atJoin(person: PersonFacts): Promise<RiskResult> };
}

/** Lets risk rules decide at joins. A rule that fails decides as the operator has declared, so asking them never does. */
export function joinRules({ rules }: JoinRulesOptions): RiskRules {
  return {
    failsOpen: false,
    async assess({ action, user, game, client, seats }) {
      const account = user.id === '' ? {} : { account: user.id };
      const facts = { role: ROLES[action], address: client, seats, players: game.player_count };
      const { allow, code } = await rules.atJoin({ ...facts, ...account });
      return allow ? { allowed: true } : { allowed: false, rule: code };
    },
  };
}
