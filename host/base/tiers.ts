/**
 * The tiers of connections: `hot` while someone plays, `warm` while the page is hidden, so that it shows nothing, and `cold` while
 * the connection is lost and the seat waits for the player.
 */
export const TIERS = ['hot', 'warm', 'cold'] as const;

export type Tier = (typeof TIERS)[number];
