// In the bundle, in place of host/build.ts: it holds no sources of games.
export async function buildModules(): Promise<[]> {
  return [];
}

export function modulePaths(): Map<string, string> {
  return new Map();
}
