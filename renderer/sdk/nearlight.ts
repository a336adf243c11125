// asc imports what a file declares from a module of the file's own name.

/** Hands `length` bytes of commands at `address` to the host, and with them the bytes that they refer to. */
export declare function submit(address: usize, length: u32): void;

/** Says that a command is about to be written, so that the host can note the place. Debug builds call it. */
export declare function mark(): void;

/** Writes a line of UTF-8 to the host's log. */
export declare function log(level: u32, address: usize, length: u32): void;

/** Gives the handle of the asset with this UTF-8 name, or -1. */
export declare function asset_find(name: usize, length: u32): i32;

/** Gives the bytes of an asset, or -1. */
export declare function asset_size(handle: i32): i32;

/** Copies up to `length` bytes of an asset from `offset` on to `address`; gives how many, or -1. */
export declare function asset_read(handle: i32, offset: u32, address: usize, length: u32): i32;

/** Appends bytes to the state that `save` is about; traps elsewhere. */
export declare function state_write(address: usize, length: u32): void;

/** Copies up to `length` bytes of the state that is loaded, from `offset` on, to `address`; gives how many. */
export declare function state_read(offset: u32, address: usize, length: u32): u32;

/** Tells whether the GPU has this FeatureName: 0 or 1. */
export declare function gpu_feature(name: u32): i32;

/** Gives the GPU's value of this LimitName. */
export declare function gpu_limit(name: u32): u32;

/** Ends the game, and does not return; 0 means that it is over, 1 to 255 that it failed. */
export declare function exit(status: i32): void;
