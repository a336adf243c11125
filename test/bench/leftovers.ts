/** A benchmark that has ended leaves this much time for what it has closed. */
const END_MS_MAX = 5000;

/** A handle of libuv in a diagnostic report of Node. */
interface Handle {
  type: string;
  is_active: boolean;
  is_referenced: boolean;
  [detail: string]: unknown;
}

/**
 * Ends this process even if something that was not closed keeps it alive, and prints what that is. Call it when the work is done. A
 * process that ends by itself is not affected.
 */
export function endSoon(msMax = END_MS_MAX): void {
  setTimeout(() => {
    process.stderr.write(`bench: the process is ended, because these keep it alive: ${openHandles().join(', ')}\n`);
    process.exit();
  }, msMax).unref();
}

/** Describes what keeps this process alive: handles of libuv, which native libraries have too, and requests that have not ended. */
function openHandles(): string[] {
  const { report } = process;
  // Otherwise Node would look up names of addresses.
  Object.assign(report, { excludeNetwork: true });
  const { libuv } = report.getReport() as unknown as { libuv: Handle[] };
  const handles = libuv.filter((handle) => handle.is_active && handle.is_referenced);
  return [
    ...handles.map(describe),
    ...process.getActiveResourcesInfo().filter((name) => !/Wrap$|Immediate/.test(name)),
  ];
}

function describe({ type, localEndpoint, remoteEndpoint, pid, firesInMsFromNow }: Handle): string {
  const details = { localEndpoint, remoteEndpoint, pid, firesInMsFromNow };
  const known = Object.entries(details).filter(([, value]) => value !== undefined && value !== null);
  return known.length === 0 ? type : `${type} ${JSON.stringify(Object.fromEntries(known))}`;
}
