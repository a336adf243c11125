/** Cases of exports that are missing, have another type, or do something that is forbidden. */
import { good, submit, writeBlock } from '../../engine/modules.ts';
import { type Case, forever, retyped, saving, tick, without } from './case.ts';

export const exports: Case[] = [
  ...['memory', 'version', 'init', 'join', 'leave', 'tick', 'render'].map((name) => ({
    of: name,
    what: 'missing',
    module: without(name),
    error: new RegExp(`^NL_MODULE_EXPORT.*"${name}"`),
  })),
  ...['join', 'tick'].map((name) => ({
    of: name,
    what: 'of another type',
    module: retyped(name),
    error: new RegExp(`^NL_MODULE_EXPORT.*"${name}"`),
  })),
  {
    of: 'version',
    what: 'of another contract',
    module: good({ version: '(func (export "version") (result i32) (i32.const 1))' }),
    error: /^NL_MODULE_VERSION/,
  },
  {
    of: 'version',
    what: 'that traps',
    module: good({ version: '(func (export "version") (result i32) (unreachable))' }),
    error: /^NL_GUEST_TRAP.*version/,
  },
  {
    of: '_initialize',
    what: 'that traps',
    module: good({ fields: '(func (export "_initialize") (unreachable))' }),
    error: /^NL_GUEST_TRAP.*_initialize/,
  },
  {
    of: '_initialize',
    what: 'that never returns',
    module: good({ fields: `(func (export "_initialize") ${forever})` }),
    error: /^NL_GUEST_TIMEOUT.*_initialize/,
  },
  {
    of: 'start',
    what: 'that traps',
    module: good({ fields: '(start $s) (func $s (unreachable))' }),
    error: /^NL_GUEST_TRAP.*start/,
  },
  { of: 'init', what: 'that fails', module: good({ init: '(i32.const 0)' }), error: /^NL_GUEST_PROTOCOL/ },
  {
    of: 'init',
    what: 'with an IO block outside linear memory',
    module: good({ init: '(i32.const 65532)' }),
    error: /^NL_GUEST_PROTOCOL/,
  },
  {
    of: 'init',
    what: 'with an IO block of another size',
    module: good({ init: writeBlock('(i32.const 3)') }),
    error: /^NL_GUEST_PROTOCOL/,
  },
  {
    of: 'init',
    what: 'that never returns',
    module: good({ init: `${forever} (unreachable)` }),
    error: /^NL_GUEST_TIMEOUT.*init/,
  },
  { of: 'join', what: 'that traps', module: good({ join: '(unreachable)' }), error: /^NL_GUEST_TRAP.*join/ },
  { of: 'join', what: 'that never returns', module: good({ join: forever }), error: /^NL_GUEST_TIMEOUT.*join/ },
  { of: 'audio', what: 'that traps', module: sounding('(unreachable)'), error: /^NL_GUEST_TRAP.*audio/ },
  {
    of: 'audio',
    what: 'that never returns',
    module: sounding(`${forever} (unreachable)`),
    error: /^NL_GUEST_TIMEOUT.*audio/,
  },
  {
    of: 'audio',
    what: 'with frames outside linear memory',
    module: sounding('(i32.const 65532)'),
    error: /^NL_GUEST_PROTOCOL.*outside linear memory/,
  },
  {
    of: 'audio',
    what: 'with an address that is not a multiple of 4',
    module: sounding('(i32.const 8194)'),
    error: /^NL_GUEST_PROTOCOL.*multiple of 4/,
  },
  {
    of: 'audio',
    what: 'that submits commands',
    module: sounding(`${submit(64, 0)} (i32.const 0)`),
    error: /^NL_GUEST_TRAP.*submit: cannot be called during audio/,
  },
  {
    of: 'leave',
    what: 'that traps',
    module: good({ leave: '(unreachable)' }),
    error: /^NL_GUEST_TRAP.*leave/,
    afterwards: 'leave',
  },
  {
    of: 'leave',
    what: 'that never returns',
    module: good({ leave: forever }),
    error: /^NL_GUEST_TIMEOUT.*leave/,
    afterwards: 'leave',
  },
  {
    of: 'tick',
    what: 'that divides by zero',
    module: tick('(drop (i32.div_u (i32.const 1) (i32.const 0)))'),
    error: /^NL_GUEST_TRAP.*tick/,
  },
  { of: 'tick', what: 'that never returns', module: tick(forever), error: /^NL_GUEST_TIMEOUT.*tick/ },
  {
    of: 'tick',
    what: 'with endless recursion',
    module: tick(
      '(call $deep (i32.const 1))',
      '(func $deep (param i32) (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.store (i32.const 4096) (local.get 0)))',
    ),
    error: /^NL_GUEST_(CRASH|TRAP)/,
  },
  {
    of: 'render',
    what: 'that reads outside memory',
    module: good({ render: '(drop (i32.load (i32.const -8)))' }),
    error: /^NL_GUEST_TRAP.*render/,
  },
  { of: 'render', what: 'that never returns', module: good({ render: forever }), error: /^NL_GUEST_TIMEOUT.*render/ },
  {
    of: 'save',
    what: 'without load',
    module: good({ fields: '(func (export "save"))' }),
    error: /^NL_MODULE_EXPORT.*save/,
  },
  {
    of: 'save',
    what: 'that traps',
    module: saving('(unreachable)'),
    error: /^NL_GUEST_TRAP.*save/,
    afterwards: 'renew',
  },
  {
    of: 'save',
    what: 'that never returns',
    module: saving(forever),
    error: /^NL_GUEST_TIMEOUT.*save/,
    afterwards: 'renew',
  },
  {
    of: 'save',
    what: 'that submits',
    module: saving(submit(4096, 0)),
    error: /^NL_GUEST_TRAP.*save/,
    afterwards: 'renew',
  },
  {
    of: 'load',
    what: 'that traps on a state that it has saved',
    module: saving('', '(unreachable)'),
    error: /^NL_GUEST_TRAP.*load/,
    afterwards: 'renew',
  },
  {
    of: 'load',
    what: 'that never returns',
    module: saving('', forever),
    error: /^NL_GUEST_TIMEOUT.*load/,
    afterwards: 'renew',
  },
];

/** Makes a module whose export `audio` has this body, given as WAT. */
function sounding(body: string): Uint8Array {
  return good({ fields: `(func (export "audio") (param i32 i32) (result i32) ${body})` });
}
