import { good } from '../../engine/modules.ts';

export const ASSET = 'proof';

/** A game that logs the contents of the asset ASSET, or `nothing`, and then goes on. */
export const LOGGER = good({
  fields: `(data (i32.const 64) "${ASSET}") (data (i32.const 80) "nothing") (global $found (mut i32) (i32.const 0))`,
  join: '',
  tick: `(if (i32.eqz (local.get 0)) (then
    (global.set $found (call $asset_find (i32.const 64) (i32.const ${ASSET.length})))
    (if (i32.lt_s (global.get $found) (i32.const 0))
      (then (call $log (i32.const 2) (i32.const 80) (i32.const 7)))
      (else (call $log (i32.const 2) (i32.const 8192)
        (call $asset_read (global.get $found) (i32.const 0) (i32.const 8192) (i32.const 64)))))))`,
});
