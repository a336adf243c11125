/** A command of the stream that a module submits, with its fields as texts, such as "size: u64". */
export interface Command {
  readonly name: string;
  readonly opcode: number;
  readonly fields: readonly string[];
  /** One sentence that says what the command does, for ABI.md and for comments in generated code. */
  readonly about: string;
}

/** Describes a command. It has no fields by default. */
export function command(opcode: number, name: string, about: string, fields: readonly string[] = []): Command {
  return { name, opcode, fields, about };
}

/** The fields for the size of a texture, or of a part of it. */
export const EXTENT = ['width: u32', 'height: u32', 'depthOrArrayLayers: u32'];
