/** A WebGPU descriptor that is refilled for each command. Members that a command does not give are undefined. */
export type Loose<T> = { -readonly [K in keyof T]: T[K] | undefined };
