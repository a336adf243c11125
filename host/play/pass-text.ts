import type { Pass } from '../base/pass.ts';
import type { Gate } from '../stream/gate.ts';

/** Returns a text from which the host's next process makes the same pass. */
export function writePass({ account }: Pass): string {
  return account ? JSON.stringify(account) : '';
}

/** Makes a pass of a text from `writePass`. Returns undefined if the text is something else, or a pass that counts no longer. */
export function readPass(text: string, gate: Pick<Gate, 'passOf'>): Pass | undefined {
  try {
    if (text === '') return gate.passOf(undefined);
    const { id, role } = JSON.parse(text) as { id?: unknown; role?: unknown };
    const isAccount = typeof id === 'string' && id !== '' && typeof role === 'string';
    return isAccount ? gate.passOf({ id, role }) : undefined;
  } catch {
    return undefined;
  }
}
