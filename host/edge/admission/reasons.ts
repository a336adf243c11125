import { type ErrorCode, NearlightError } from '../../base/errors.ts';
import type { JoinStep } from '../../base/join-steps.ts';

interface Entry {
  readonly step: JoinStep;
  /** The code for the page. */
  readonly code: ErrorCode;
  /** For the player, in English. The page has it in the player's language, by its code. */
  readonly text: string;
}

const SIGN_IN_AGAIN = 'sign in again at the site of the game';

/** Why a join is refused: the code for the log and the metrics, and what the page gets. */
export const REASONS = {
  'token-missing': {
    step: 'token',
    code: 'NL_TOKEN_MISSING',
    text: 'this game is for players who have signed in; open it from the site where you sign in',
  },
  'token-too-long': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-malformed': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-algorithm': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-key-unknown': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-signature': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-issuer': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-audience': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-claim': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-early': { step: 'token', code: 'NL_TOKEN', text: SIGN_IN_AGAIN },
  'token-expired': { step: 'token', code: 'NL_TOKEN_EXPIRED', text: SIGN_IN_AGAIN },
  'issuer-down': { step: 'token', code: 'NL_ISSUER', text: 'the service for signing in does not answer; try again' },
  'edge-down': {
    step: 'token',
    code: 'NL_EDGE',
    text: 'the service that lets players in does not answer; try again',
  },
  'ticket-invalid': { step: 'ticket', code: 'NL_TICKET', text: 'it is not valid here; join again' },
  'ticket-expired': { step: 'ticket', code: 'NL_TICKET', text: 'it has expired; join again' },
  'ticket-used': { step: 'ticket', code: 'NL_TICKET', text: 'it was used before; join again' },
  'fleet-missing': {
    step: 'ticket',
    code: 'NL_TICKET',
    text: 'this game gives seats to those for whom a match was found; open it from the site that finds matches',
  },
  'ticket-seat': { step: 'ticket', code: 'NL_TICKET', text: 'its seat was given away; join again' },
  'account-rate': { step: 'account', code: 'NL_ACCOUNT_RATE', text: 'wait a moment, then try again' },
  'account-seats': { step: 'account', code: 'NL_ACCOUNT_FULL', text: 'leave another game, then try again' },
  'policy-join': {
    step: 'policy',
    code: 'NL_POLICY',
    text: 'the game has begun or is full, or it is not for your account',
  },
  'policy-render': {
    step: 'policy',
    code: 'NL_POLICY',
    text: 'the game is not running, or it is not for your account',
  },
  'policy-down': { step: 'policy', code: 'NL_POLICY_DOWN', text: 'try again in a moment' },
  risk: { step: 'risk', code: 'NL_RISK', text: 'ask the operator of the game' },
  'risk-failed': { step: 'risk', code: 'NL_RISK', text: 'try again in a moment' },
  'room-full': { step: 'seat', code: 'NL_ROOM_FULL', text: 'all seats of the game are taken' },
} as const satisfies Record<string, Entry>;

export type Reason = keyof typeof REASONS;

/** A join that is refused. */
export class Refusal extends NearlightError {
  readonly reason: Reason;
  readonly step: JoinStep;

  constructor(reason: Reason, options?: ErrorOptions) {
    const { code, text, step } = REASONS[reason];
    super(code, text, options);
    this.reason = reason;
    this.step = step;
  }
}
