/** Measures for how long calls of WebGPU keep the thread that makes them, in processor time. */
export class BlockedTime {
  ms = 0;

  measure<T>(call: () => T): T {
    const begun = process.threadCpuUsage();
    try {
      return call();
    } finally {
      const { user, system } = process.threadCpuUsage(begun);
      this.ms += (user + system) / 1000;
    }
  }
}
