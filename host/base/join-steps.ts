/** The steps of a join, in their order. `ticket` takes the place of `token` for a page that comes with a join ticket. */
export const JOIN_STEPS = ['address', 'token', 'ticket', 'account', 'policy', 'risk', 'seat'] as const;
export type JoinStep = (typeof JOIN_STEPS)[number];
