// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.
// AssemblyScript takes the name of this file, nearlight, for the module that the functions declared here are imported from.

/** Hands a command stream to the host. Traps if `address` or `length` is not a multiple of 4. May be called several times in one call of an export: the streams are joined in order, each holding whole commands. */
export declare function submit(address: usize, length: u32): void;

/** Says that the module is about to write its next command. The host may note the place in the program, to name it if it refuses the command. Only debug builds call it. */
export declare function mark(): void;

/** Writes a line of UTF-8 to the game's log; the level is LOG_ERROR to LOG_DEBUG. */
export declare function log(level: u32, address: usize, length: u32): void;

/** Returns the handle of the asset with this UTF-8 name, or -1 if there is none. */
export declare function asset_find(name: usize, length: u32): i32;

/** Returns the size of an asset in bytes. Traps if there is no such asset. */
export declare function asset_size(handle: i32): i32;

/** Copies up to `length` bytes of an asset, from `offset` on, to `address`. Returns how many it copied. Traps if there is no such asset. */
export declare function asset_read(handle: i32, offset: u32, address: usize, length: u32): i32;

/** Returns 1 if the GPU has the feature of this FeatureName, else 0. */
export declare function gpu_feature(name: u32): i32;

/** Returns the GPU's limit of this LimitName, at most 2^32 - 1; 0 for a name that the host does not know. */
export declare function gpu_limit(name: u32): u32;

/** Appends bytes to the state that `save` hands over, at most STATE_BYTES_MAX in all, or `export_player`, at most PLAYER_BYTES_MAX. Traps outside these two. */
export declare function state_write(address: usize, length: u32): void;

/** Copies up to `length` bytes of the saved state, from `offset` on, to `address`. Returns how many it copied: 0 outside `load` and `import_player`. */
export declare function state_read(offset: u32, address: usize, length: u32): u32;

/** Ends the game and does not return: the module is not called again, and what this call has submitted is lost. Status 0 means that the game is over, 1 to EXIT_STATUS_MAX that it failed; any other status traps. */
export declare function exit(status: i32): void;
