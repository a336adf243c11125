/** Services outside the host that it asks. Each stands behind a breaker of its own (host/edge/dependencies). */
export const DEPENDENCIES = ['issuer', 'opa', 'nats', 'centre'] as const;
export type DependencyName = (typeof DEPENDENCIES)[number];

/** States of a breaker: requests pass, one request tries whether the service is back, no request passes. */
export const BREAKER_STATES = ['closed', 'half-open', 'open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Outcomes of a call of a service: the last two were refused before the service was asked, by its breaker or by a limit. */
export const CALL_OUTCOMES = ['ok', 'failed', 'timeout', 'open', 'full'] as const;
export type CallOutcome = (typeof CALL_OUTCOMES)[number];

/**
 * Requests of pages that reach a service: joins of new players and spectators, requests for join tickets, and the identification of
 * pages in the queue.
 */
export const PLAYER_ENDPOINTS = ['join', 'ticket', 'queue'] as const;
export type PlayerEndpoint = (typeof PLAYER_ENDPOINTS)[number];

/** Everything that a rule of ENDPOINT_RULES can limit. */
export const ENDPOINTS = [...PLAYER_ENDPOINTS, ...DEPENDENCIES] as const;
export type EndpointName = (typeof ENDPOINTS)[number];
