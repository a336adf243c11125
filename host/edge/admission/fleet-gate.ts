import type { FleetEntrance } from '../../stream/gate.ts';
import type { ClosableGate } from '../protection/gate.ts';
import type { FleetTickets } from './fleet-ticket.ts';
import { Refusal } from './reasons.ts';

/**
 * Returns a gate through which new players come with a ticket of the fleet alone, so that no one takes a seat that the fleet has promised. The
 * ticket stands in for the player's token; the rules of the game are asked as `gate` does. Spectators, who take no seat, come in as before.
 */
export function fleetGate(gate: ClosableGate, tickets: Pick<FleetTickets, 'redeem' | 'arrive'>): ClosableGate {
  const fleet: FleetEntrance = {
    async redeem(bearer) {
      const ticket = await gate.measure('ticket', () => tickets.redeem(bearer));
      return { pass: gate.passOf(ticket.account), arrive: () => tickets.arrive(ticket) };
    },
    missing: () => new Refusal('fleet-missing'),
  };
  return {
    fleet,
    get tickets() {
      return gate.tickets;
    },
    measure: (step, work) => gate.measure(step, work),
    identify: (bearer) => gate.identify(bearer),
    passOf: (account) => gate.passOf(account),
    judge: (pass, join) => gate.judge(pass, join),
    close: () => gate.close(),
  };
}
