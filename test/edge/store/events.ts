/** Makes an event about a match. */
export function eventOf(id: string, more: { subject?: string; local?: boolean; data?: string } = {}) {
  const { subject = 'match-1', local = false, data = '{}' } = more;
  return { id, type: 'test.happened', subject, time: 1000, data, local };
}

/** Makes the result of a match. */
export function resultOf(id: string, more: { match?: string; local?: boolean; data?: string } = {}) {
  const { match = 'match-1', local = false, data = '{"score":1}' } = more;
  return { id, match, endedAt: 1000, data, local };
}
