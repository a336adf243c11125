import { EXIT_STATUS_MAX } from '../../renderer/contract/abi.ts';
import type { Asset } from '../base/assets.ts';
import { GuestExit } from '../base/errors.ts';
import type { LoadOptions } from './engine.ts';
import type { GuestLog } from './log.ts';
import type { Marks } from './marks.ts';
import type { StateTransfer } from './state.ts';
import type { Collector } from './submission.ts';

/** Everything that the functions which a module imports act on. */
interface ImportContext {
  options: LoadOptions;
  assets: readonly Asset[];
  log: GuestLog;
  collector: Collector;
  marks: Marks;
  state: StateTransfer;
  /** Returns all of the module's linear memory. It may grow, so the view is valid only until the module runs again. */
  memory(): Uint8Array;
  /** Returns the name of the module's export that is running. */
  running(): string;
}

/**
 * Creates the functions that a module imports (renderer/contract/ABI.md, "Imports"). A WebAssembly.RuntimeError that one of
 * them throws makes the module trap. wasmedge/imports.cc has the same functions in C++.
 */
export function createImports({ options, assets, log, collector, marks, state, memory, running }: ImportContext) {
  const range = (address: number, length: number, caller: string) => {
    const bytes = memory();
    const [start, end] = [address >>> 0, (address >>> 0) + (length >>> 0)];
    if (end > bytes.length) throw trap(`out of bounds memory access in ${caller}`);
    return bytes.subarray(start, end);
  };
  const asset = (handle: number, caller: string) => {
    const found = assets[handle];
    if (!found) throw trap(`${caller}: no asset has this handle`);
    return found;
  };
  return {
    submit(address: number, length: number) {
      if (state.saving) throw trap('submit: cannot be called during save or export_player');
      if (running() === 'audio') throw trap('submit: cannot be called during audio');
      collector.append(memory(), address >>> 0, length >>> 0);
    },
    mark() {
      marks.add();
    },
    log(level: number, address: number, length: number) {
      log.line(level, range(address, length, 'log'));
    },
    asset_find(address: number, length: number) {
      const name = range(address, length, 'asset_find');
      return assets.findIndex(({ nameBytes }) => sameBytes(nameBytes, name));
    },
    asset_size: (handle: number) => asset(handle, 'asset_size').bytes,
    asset_read(handle: number, offset: number, address: number, length: number) {
      const { offset: start, bytes } = asset(handle, 'asset_read');
      const target = range(address, length, 'asset_read');
      const from = Math.min(offset >>> 0, bytes);
      const count = Math.min(target.length, bytes - from);
      target.set(options.assets.subarray(start + from, start + from + count));
      return count;
    },
    gpu_feature: (name: number) => (name < 1 || name > 32 ? 0 : ((options.gpu?.features ?? 0) >>> (name - 1)) & 1),
    gpu_limit: (name: number) => options.gpu?.limits[name - 1] ?? 0,
    state_write(address: number, length: number) {
      if (!state.saving) throw trap('state_write: can only be called during save or export_player');
      state.write(range(address, length, 'state_write'));
    },
    state_read: (offset: number, address: number, length: number) =>
      state.read(offset >>> 0, range(address, length, 'state_read')),
    exit(status: number) {
      if (status >>> 0 > EXIT_STATUS_MAX) throw trap('exit: the status must be from 0 to 255');
      throw new GuestExit(status, running());
    },
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

const trap = (message: string) => new WebAssembly.RuntimeError(message);
