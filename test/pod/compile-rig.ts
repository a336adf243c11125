import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { buildNative } from '../../host/engine/wasmedge/build.ts';
import { CompileCache } from '../../host/engine/wasmedge/cache.ts';
import { type CompileService, type CompileServiceOptions, serveCompiler } from '../../host/pod/compile.ts';
import { createCompiler } from '../../host/pod/compiler.ts';
import { buildKernel } from '../../host/pod/native.ts';
import { options } from '../engine/modules.ts';
import { eventually } from '../wait.ts';

export const MODULE_BYTES_MAX = 1000;

/** A compile service of a keeper for one test, with its socket and a folder for its cache. */
export class CompileRig {
  readonly #root = mkdtempSync(join(tmpdir(), 'nearlight-compile-test-'));
  readonly socket = join(this.#root, 'keeper.sock');
  readonly cacheDir = join(this.#root, 'cache');
  service: CompileService | undefined;

  static async open(): Promise<CompileRig> {
    await Promise.all([buildNative(), buildKernel()]);
    return new CompileRig();
  }

  async listen(settings: Pick<CompileServiceOptions, 'compiler'> & Partial<CompileServiceOptions>): Promise<void> {
    this.service = await serveCompiler({
      socket: this.socket,
      moduleBytesMax: MODULE_BYTES_MAX,
      slots: 1,
      peerOf: () => undefined,
      tenantOf: () => ({ namespace: 'a', pod: 'a' }),
      ...settings,
    });
  }

  /** Serves compiled modules from a cache, as a keeper does; returns the lines that it logs. */
  async serveCache(bytesMax = 2 ** 30): Promise<string[]> {
    const { limits, log, lines } = options();
    await this.listen({ compiler: createCompiler(new CompileCache(this.cacheDir, { bytesMax }), { limits, log }) });
    return lines;
  }

  /** The names of the entries of the cache. */
  entries(): string[] {
    return readdirSync(this.cacheDir).filter((name) => name.endsWith('.native'));
  }

  /** Waits until the cache has so many entries. */
  stored(count: number): Promise<void> {
    return eventually(() => expect(this.entries().length).toBe(count));
  }

  async close(): Promise<void> {
    await this.service?.close();
    rmSync(this.#root, { recursive: true, force: true });
  }
}
