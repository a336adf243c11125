import { AsyncLocalStorage } from 'node:async_hooks';
import { NearlightError } from './errors.ts';
import { type Attributes, NO_SPAN, type Span } from './trace.ts';

const storage = new AsyncLocalStorage<Span>();

/** The span in which this code runs, with everything that it awaits; NO_SPAN if it is not traced. */
export function currentSpan(): Span {
  return storage.getStore() ?? NO_SPAN;
}

/** Runs work, and what it starts, in a span. */
export function inSpan<T>(span: Span, work: () => T): T {
  return span === NO_SPAN ? work() : storage.run(span, work);
}

/** Runs work as a part of the present span, which fails if the work does. @throws what `work` throws */
export async function traced<T>(name: string, work: () => T | Promise<T>, attributes: Attributes = {}): Promise<T> {
  const parent = currentSpan();
  if (parent.ids === undefined) return work();
  const span = parent.child(name, { attributes });
  try {
    return await storage.run(span, work);
  } catch (error) {
    span.fail(codeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** Returns a short name of an error for a span. */
export function codeOf(error: unknown): string {
  if (error instanceof NearlightError) return error.code;
  return error instanceof Error ? error.name : 'error';
}
