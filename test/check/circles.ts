/** Finds circles in a graph: from every edge on a circle, the shortest way back to its start. Each circle is named once. */
export function findCircles(edges: Iterable<readonly [from: string, to: string]>): string[][] {
  const graph = new Map<string, Set<string>>();
  for (const [from, to] of edges) {
    const targets = graph.get(from) ?? new Set();
    graph.set(from, targets.add(to));
  }
  const circles = new Map<string, string[]>();
  for (const [from, targets] of graph)
    for (const to of targets) {
      const back = shortestPath(graph, to, from);
      if (back === undefined) continue;
      const circle = startAtLowest(back);
      circles.set(circle.join('\n'), circle);
    }
  return [...circles.values()].sort((a, b) => a.length - b.length || a.join().localeCompare(b.join()));
}

/** The nodes from `start` to `end`, both included; undefined if no path leads there. */
function shortestPath(graph: Map<string, Set<string>>, start: string, end: string): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]]);
  for (const node of cameFrom.keys()) {
    if (node === end) {
      const path: string[] = [];
      for (let at: string | undefined = end; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
      return path;
    }
    for (const next of graph.get(node) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, node);
  }
  return undefined;
}

/** Turns a circle so that its first name in the alphabet comes first; then equal circles are equal lists. */
function startAtLowest(circle: string[]): string[] {
  const lowest = circle.indexOf([...circle].sort()[0] ?? '');
  return [...circle.slice(lowest), ...circle.slice(0, lowest)];
}
