/**
 * Finds the circles (cycles) of a directed graph: for each edge, the shortest one that contains it. Equal circles are
 * returned once.
 */
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

/** Returns the nodes of the shortest path from `start` to `end`, both included; undefined if there is no path. */
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

/** Rotates a circle of nodes so that the alphabetically first name comes first. Equal circles then are equal lists. */
function startAtLowest(circle: string[]): string[] {
  const lowest = circle.indexOf([...circle].sort()[0] ?? '');
  return [...circle.slice(lowest), ...circle.slice(0, lowest)];
}
