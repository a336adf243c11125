import { compilerIdentity } from './identity.ts';
import { type CodeSource, type CompileOptions, compileLocally } from './local.ts';
import type { NativeCode } from './sealed.ts';

/**
 * Gets the native code of a module from another process, which has a cache. Resolves with undefined if that process cannot be
 * reached, or uses another compiler than `identity` describes.
 * @throws NearlightError if the module cannot be compiled
 */
export type RemoteCompiler = (module: Uint8Array, identity: string) => Promise<NativeCode | undefined>;

/**
 * Native code from another process, which has checked that the code belongs to the module. This process reads no cache and
 * needs no key for one. If no answer comes, modules are compiled here, and the result is not kept.
 */
export class RemoteCode implements CodeSource {
  readonly #ask: RemoteCompiler;

  constructor(ask: RemoteCompiler) {
    this.#ask = ask;
  }

  async prepare(): Promise<void> {
    await compilerIdentity();
  }

  async native(module: Uint8Array, options: CompileOptions): Promise<NativeCode> {
    const code = await this.#ask(module, await compilerIdentity());
    if (code) return code;
    options.log('warn', "the node's keeper gives no code: compiling in this process, without storing the result");
    return compileLocally(module, options);
  }
}
