// In the bundle, in place of host/play/modules.ts: it holds built games and neither sources nor a compiler.
export async function buildModules(): Promise<[]> {
  return [];
}

export async function buildGames(): Promise<[]> {
  return [];
}
