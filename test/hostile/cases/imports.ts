/** Cases of imports that are called in a forbidden way, or that the host does not have. */
import { assemble, good, store, submit, text } from '../../engine/modules.ts';
import { type Case, saving, tick } from './case.ts';

export const imports: Case[] = [
  { of: 'submit', what: 'outside linear memory', module: tick(submit(65_532, 64)), error: /^NL_GUEST_TRAP.*tick/ },
  { of: 'submit', what: 'not on a word', module: tick(submit(4098, 4)), error: /^NL_GUEST_TRAP.*tick/ },
  { of: 'submit', what: 'of negative length', module: tick(submit(4096, -4)), error: /^NL_GUEST_TRAP.*tick/ },
  {
    of: 'submit',
    what: 'data outside linear memory',
    module: tick(`${store(4096, [(5 << 16) | 0x8020, 2, 0, 0x7fffff00, 64])} ${submit(4096, 20)}`),
    error: /^NL_COMMAND.*outside linear memory/,
  },
  {
    of: 'log',
    what: 'outside linear memory',
    module: tick('(call $log (i32.const 0) (i32.const 65530) (i32.const 100))'),
    error: /^NL_GUEST_TRAP.*tick/,
  },
  {
    of: 'asset_find',
    what: 'a name outside linear memory',
    module: tick('(drop (call $asset_find (i32.const -4) (i32.const 8)))'),
    error: /^NL_GUEST_TRAP.*tick/,
  },
  {
    of: 'asset_size',
    what: 'of an asset that does not exist',
    module: tick('(drop (call $asset_size (i32.const 9)))'),
    error: /^NL_GUEST_TRAP.*tick/,
  },
  {
    of: 'asset_read',
    what: 'of an asset that does not exist',
    module: tick('(drop (call $asset_read (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 4)))'),
    error: /^NL_GUEST_TRAP.*tick/,
  },
  {
    of: 'gpu_feature',
    what: 'with another type',
    module: assemble(
      text({ fields: '' }).replace(
        '(module',
        '(module (import "nearlight" "gpu_feature" (func (param i64) (result i32)))',
      ),
    ),
    error: /^NL_MODULE_IMPORT.*gpu_feature/,
  },
  {
    of: 'gpu_limit',
    what: 'without a result',
    module: assemble(text().replace('(module', '(module (import "nearlight" "gpu_limit" (func (param i32)))')),
    error: /^NL_MODULE_IMPORT.*gpu_limit/,
  },
  {
    of: 'state_write',
    what: 'outside of save',
    module: tick('(call $state_write (i32.const 0) (i32.const 4))'),
    error: /^NL_GUEST_TRAP.*tick/,
  },
  {
    of: 'state_write',
    what: 'outside linear memory',
    module: saving('(call $state_write (i32.const 65532) (i32.const 8))'),
    error: /^NL_GUEST_TRAP.*save/,
    afterwards: 'renew',
  },
  {
    of: 'state_read',
    what: 'to outside linear memory',
    module: saving(
      '(call $state_write (i32.const 0) (i32.const 8))',
      '(drop (call $state_read (i32.const 0) (i32.const 65532) (i32.const 8)))',
    ),
    error: /^NL_GUEST_TRAP.*load/,
    afterwards: 'renew',
  },
  {
    of: 'exit',
    what: 'with an invalid status',
    module: tick('(call $exit (i32.const 256))'),
    error: /^NL_GUEST_TRAP.*tick/,
  },
  {
    of: 'exit',
    what: 'in the middle of a render',
    module: good({ render: '(call $exit (i32.const 3))' }),
    error: /^NL_GUEST_EXIT.*status 3 in render/,
  },
  {
    of: 'an import',
    what: 'that the host does not have',
    module: assemble(text().replace('(module', '(module (import "nearlight" "open" (func (param i32)))')),
    error: /^NL_MODULE_IMPORT.*nearlight\.open/,
  },
  {
    of: 'an import',
    what: 'of a system',
    module: assemble(
      text().replace(
        '(module',
        '(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))',
      ),
    ),
    error: /^NL_MODULE_IMPORT.*fd_write/,
  },
  {
    of: 'an import',
    what: 'of a global',
    module: assemble(text().replace('(module', '(module (import "nearlight" "submit" (global i32))')),
    error: /^NL_MODULE_IMPORT.*global/,
  },
];
