/**
 * The format of a packed sound: a header of SOUND_HEADER bytes with the u32 fields below, little-endian, and then the samples,
 * each an i16, the channels of a frame side by side. The constants here are integers only, because the compilers of
 * AssemblyScript and of TypeScript both compile them.
 */

export const SOUND_MAGIC = 0x44534c4e; // "NLSD"
export const SOUND_VERSION = 1;
export const SOUND_HEADER = 32;

// Byte offsets of the fields of the header.
export const SOUND_FIELD_MAGIC = 0;
export const SOUND_FIELD_VERSION = 4;
/** Field of a packed sound: frames per second. */
export const SOUND_FIELD_RATE = 8;
/** Field of a packed sound: number of channels, 1 or 2. */
export const SOUND_FIELD_CHANNELS = 12;
/** Field of a packed sound: number of frames. */
export const SOUND_FIELD_FRAMES = 16;
/** Field of a packed sound: the frame to which a loop returns after the last one; the number of frames if it does not loop. */
export const SOUND_FIELD_LOOP = 20;
