import { createHash, randomBytes } from 'node:crypto';
import type { KeyStore } from '../edge/admission/keys.ts';
import type { JoinRisk } from '../edge/admission/risk.ts';
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

/** Keeps the keys of an issuer in a store that outlives the host, as long as they may be used. */
export function keysIn(store: Pick<EdgeStore, 'getCached' | 'putCached'>, now = Date.now): KeyStore {
  // The URL of an issuer may be longer than the name of a cached value.
  const nameOf = (issuer: string) => `issuer-keys/${createHash('sha256').update(issuer).digest('hex')}`;
  return {
    async load(issuer) {
      const kept = await store.getCached({ name: nameOf(issuer), now: now() });
      return kept && { set: JSON.parse(Buffer.from(kept.value).toString('utf8')), fetchedAt: kept.storedAt };
    },
    async save(issuer, { set, fetchedAt }, lifeMs) {
      const value = new TextEncoder().encode(JSON.stringify(set));
      const expiresAt = fetchedAt + lifeMs;
      await store.putCached({ name: nameOf(issuer), kind: 'key', value, storedAt: fetchedAt, expiresAt });
    },
  };
}

export interface JoinRulesOptions {
  rules: { atJoin(person: PersonFacts): Promise<RiskResult> };
}

/** Lets risk rules decide at joins. A rule that fails decides as the operator has declared, so asking them never does. */
export function joinRules({ rules }: JoinRulesOptions): JoinRisk {
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
