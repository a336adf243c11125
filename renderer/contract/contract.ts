/**
 * The contract between a game's module and its host, as data. `node renderer/contract/generate.ts` generates from it abi.ts
 * and the tables of ABI.md in this folder, encode.ts, enums.ts and nearlight.ts of the SDK, and host/gpu/decode.ts. Names,
 * meanings and defaults of commands are WebGPU's (https://www.w3.org/TR/webgpu/).
 *
 * A command consists of 32-bit words. Each of its fields is "name: type", of one word unless said otherwise. The types are:
 *   u32 i32 f32 bool      a number; bool is 0 or 1
 *   u64 f64               two words, the low one first
 *   u32?                  0 if it is not given, else one more than the number
 *   enum E, enum? E       a value of ENUMS, counted from 1; with ?, 0 if it is not given
 *   flags F               bits of FLAGS
 *   id K, id? K           an object of kind K; with ?, 0 for none
 *   new K                 the id that the module gives to a new object of kind K
 *   object                an id whose kind an earlier field of the command names
 *   asset                 a handle that asset_find returned
 *   string                its byte length; its UTF-8 follows the fixed words, padded with zeros to a word
 *   list R                a count; that many records R follow the strings, in the order of the fields
 *   words                 a count; that many u32 follow as a list does
 *   bytes                 two words: address and length in linear memory. Always last, and marks the opcode by REFERENCE_BIT
 */
export * from './commands.ts';
export * from './constants.ts';
export * from './functions.ts';
export * from './records.ts';
export * from './values.ts';
